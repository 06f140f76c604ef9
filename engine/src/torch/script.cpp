// TorchScript modules behind a C interface: tch's own keeps their buffers to itself. No exception leaves this file.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <string>

#include "guarded.h"

using torch::jit::Module;

extern "C" {

Module* engine_script_load(const char* path, int device_type, int device_index) {
  return guarded(static_cast<Module*>(nullptr), [&] {
    auto index = static_cast<c10::DeviceIndex>(device_type == 0 ? -1 : device_index);
    return new Module(torch::jit::load(path, c10::Device(static_cast<c10::DeviceType>(device_type), index)));
  });
}

void engine_script_free(Module* module) { delete module; }

// Tells `each` of every parameter and buffer: its name, whether it is a parameter, and a tensor that is the callee's.
int engine_script_tensors(const Module* module, void* context,
                          void (*each)(void*, const char*, int, at::Tensor*)) {
  return guarded(-1, [&] {
    for (const auto& named : module->named_parameters(true))
      each(context, named.name.c_str(), 1, new at::Tensor(named.value));
    for (const auto& named : module->named_buffers(true))
      each(context, named.name.c_str(), 0, new at::Tensor(named.value));
    return 0;
  });
}

at::Tensor* engine_script_forward(Module* module, const at::Tensor* input, int training) {
  return guarded(static_cast<at::Tensor*>(nullptr), [&] {
    if (module->is_training() != (training != 0)) module->train(training != 0);
    return new at::Tensor(module->forward({*input}).toTensor());
  });
}

// Makes a module of tensors and the source of its methods, and saves it. `trained`: whether each is a parameter.
int engine_script_save(const char* name, const char* source, const char* const* names, const at::Tensor* const* tensors,
                       const int* trained, int count, const char* path) {
  return guarded(-1, [&] {
    Module module(name);
    for (int i = 0; i < count; ++i) {
      if (trained[i]) {
        module.register_parameter(names[i], *tensors[i], false);
      } else {
        module.register_buffer(names[i], *tensors[i]);
      }
    }
    module.define(source);
    module.eval();
    module.save(path);
    return 0;
  });
}

}  // extern "C"
