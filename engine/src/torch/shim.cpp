// What tch does not offer of libtorch, behind a C interface. No exception leaves this file.

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <string>

#include "guarded.h"

thread_local std::string engine_error;

extern "C" {

const char* engine_last_error() { return engine_error.c_str(); }

// Enters a region of autocast. `device` is an at::DeviceType, `dtype` an at::ScalarType; what was set before is written
// to the last two, for engine_autocast_exit.
int engine_autocast_enter(int device, int dtype, int* was_enabled, int* was_dtype) {
  return guarded(-1, [&] {
    auto type = static_cast<at::DeviceType>(device);
    *was_enabled = at::autocast::is_autocast_enabled(type);
    *was_dtype = static_cast<int>(at::autocast::get_autocast_dtype(type));
    at::autocast::set_autocast_enabled(type, true);
    at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(dtype));
    at::autocast::increment_nesting();
    return 0;
  });
}

int engine_autocast_exit(int device, int was_enabled, int was_dtype) {
  return guarded(-1, [&] {
    auto type = static_cast<at::DeviceType>(device);
    // The casts of weights are kept for one outermost region.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type, was_enabled);
    at::autocast::set_autocast_dtype(type, static_cast<at::ScalarType>(was_dtype));
    return 0;
  });
}

// A tensor over memory that somebody else owns; release(context) is called when the last tensor over it goes.
at::Tensor* engine_from_owned(void* data, const int64_t* sizes, const int64_t* strides, int dims, int dtype,
                              void* context, void (*release)(void*)) {
  return guarded(static_cast<at::Tensor*>(nullptr), [&] {
    auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
    auto count = static_cast<size_t>(dims);
    return new at::Tensor(at::from_blob(data, at::IntArrayRef(sizes, count), at::IntArrayRef(strides, count),
                                        [context, release](void*) { release(context); }, options));
  });
}

// Whether the processor computes in bfloat16, so that it is faster than float32 there.
int engine_cpu_has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") ? 1 : 0;
#else
  return 0;
#endif
}

}  // extern "C"
