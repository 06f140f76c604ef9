// TorchScript modules behind a C interface: tch's own keeps their buffers to itself. No exception leaves this file.

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

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
    // Operation by operation: what the executor makes of them otherwise depends on how often it ran before, so that a
    // run that goes on would differ; and its derivative of batch normalisation takes no bfloat16 beside float32.
    torch::jit::GraphOptimizerEnabledGuard as_written(false);
    return new at::Tensor(module->forward({*input}).toTensor());
  });
}

// Makes a module of tensors and the source of its methods, and saves it with a text beside them. Names with dots are those
// of submodules' tensors. `trained`: whether each is a parameter.
int engine_script_save(const char* source, const char* const* names, const at::Tensor* const* tensors,
                       const int* trained, int count, const char* extra_name, const char* extra, const char* path) {
  return guarded(-1, [&] {
    auto unit = std::make_shared<torch::jit::CompilationUnit>();
    // By name, the root under the empty one.
    std::map<std::string, Module> made;
    auto make = [&](const std::string& type) {
      Module module(c10::QualifiedName("__torch__." + type), unit);
      module.register_attribute("training", c10::BoolType::get(), true);
      return module;
    };
    made.emplace("", make("Model"));
    std::vector<std::string> submodules;
    for (int i = 0; i < count; ++i) {
      const std::string name = names[i];
      for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
        const std::string own = name.substr(0, dot);
        if (made.count(own)) continue;
        std::string type = "Layer_" + own;
        std::replace(type.begin(), type.end(), '.', '_');
        made.emplace(own, make(type));
        submodules.push_back(own);
      }
      const size_t last = name.rfind('.');
      Module& module = made.at(last == std::string::npos ? "" : name.substr(0, last));
      const std::string own = last == std::string::npos ? name : name.substr(last + 1);
      if (trained[i]) {
        module.register_parameter(own, *tensors[i], false);
      } else {
        module.register_buffer(own, *tensors[i]);
      }
    }
    for (const std::string& name : submodules) {
      const size_t last = name.rfind('.');
      Module& parent = made.at(last == std::string::npos ? "" : name.substr(0, last));
      parent.register_module(last == std::string::npos ? name : name.substr(last + 1), made.at(name));
    }
    Module& root = made.at("");
    root.define(source);
    root.eval();
    root.save(path, {{extra_name, extra}});
    return 0;
  });
}

// Saves a module as it is, with a text beside it.
int engine_script_store(Module* module, const char* extra_name, const char* extra, const char* path) {
  return guarded(-1, [&] {
    const bool training = module->is_training();
    module->eval();
    module->save(path, {{extra_name, extra}});
    module->train(training);
    return 0;
  });
}

}  // extern "C"
