// How exceptions of libtorch become values.

#pragma once

#include <c10/util/Exception.h>

#include <string>

extern thread_local std::string engine_error;

// Runs `body`; an exception becomes `failed` and a text for engine_last_error.
template <typename R, typename F>
R guarded(R failed, F body) {
  try {
    return body();
  } catch (const c10::Error& e) {
    engine_error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    engine_error = e.what();
  } catch (...) {
    engine_error = "unknown C++ exception";
  }
  return failed;
}
