// Normalisation with activation, and pooling, as functions with a way back of their own. What computes is Rust's, handed
// over as pointers: see fused.rs. Images are bfloat16 with channels last. No exception leaves this file.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "guarded.h"

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The same as in fused.rs.
struct EngineKernels {
  void (*sums)(const uint16_t* x, int64_t rows, int64_t channels, const float* shift, float* sum, float* squares);
  void (*normalize)(const uint16_t* x, int64_t rows, int64_t channels, const float* factor, const float* summand,
                    int activation, uint16_t* y);
  void (*gradient_sums)(const uint16_t* x, const uint16_t* dy, int64_t rows, int64_t channels, const float* factor,
                        const float* summand, const float* mean, int activation, float* plain, float* centred);
  void (*backward)(const uint16_t* x, const uint16_t* dy, int64_t rows, int64_t channels, const float* factor,
                   const float* summand, const float* mean, int activation, const float* by_x, const float* plain,
                   uint16_t* dx);
  void (*max_pool)(const uint16_t* x, int64_t images, int64_t height, int64_t width, int64_t channels, uint16_t* y,
                   uint8_t* places);
  void (*max_pool_backward)(const uint16_t* dy, const uint8_t* places, int64_t images, int64_t height, int64_t width,
                            int64_t channels, uint16_t* dx);
};

namespace {

const EngineKernels* kernels = nullptr;

const uint16_t* bits(const Tensor& t) { return reinterpret_cast<const uint16_t*>(t.const_data_ptr<at::BFloat16>()); }
uint16_t* bits_mut(const Tensor& t) { return reinterpret_cast<uint16_t*>(t.mutable_data_ptr<at::BFloat16>()); }

Tensor images(const Tensor& t) { return t.to(at::kBFloat16).contiguous(at::MemoryFormat::ChannelsLast); }

// Work is cut into as many pieces whatever the threads, so that sums do not depend on them.
constexpr int64_t kPieces = 64;

template <typename F>
void in_pieces(int64_t rows, F body) {
  int64_t piece = (rows + kPieces - 1) / kPieces;
  at::parallel_for(0, kPieces, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) {
      int64_t start = std::min(i * piece, rows), end = std::min(start + piece, rows);
      if (start < end) body(i, start, end - start);
    }
  });
}

// Two sums by channel over all rows: `body(start, rows, first, second)` adds those of some rows.
template <typename F>
std::pair<std::vector<double>, std::vector<double>> sums_of(int64_t rows, int64_t channels, F body) {
  std::vector<float> parts(2 * kPieces * channels, 0.0f);
  in_pieces(rows, [&](int64_t piece, int64_t start, int64_t count) {
    float* first = parts.data() + 2 * piece * channels;
    body(start, count, first, first + channels);
  });
  std::vector<double> one(channels, 0.0), other(channels, 0.0);
  for (int64_t piece = 0; piece < kPieces; ++piece)
    for (int64_t c = 0; c < channels; ++c) {
      one[c] += parts[2 * piece * channels + c];
      other[c] += parts[(2 * piece + 1) * channels + c];
    }
  return {one, other};
}

struct NormActivation : public Function<NormActivation> {
  static Tensor forward(AutogradContext* ctx, const Tensor& input, const Tensor& weight, const Tensor& bias,
                        Tensor mean, Tensor variance, bool training, double momentum, double eps, int64_t activation) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensor x = images(input);
    int64_t channels = x.size(1), rows = x.numel() / std::max<int64_t>(channels, 1);
    for (const Tensor& t : {weight, bias, mean, variance})
      TORCH_CHECK(t.is_contiguous() && t.numel() == channels, "expected ", channels, " numbers, one a channel");
    auto options = at::TensorOptions().dtype(at::kFloat);
    // factor, summand, mean, 1 / deviation: a row each.
    Tensor constants = at::empty({4, channels}, options);
    float* factor = constants.mutable_data_ptr<float>();
    float *summand = factor + channels, *centre = summand + channels, *inverse = centre + channels;
    const float *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
    float *running_mean = mean.mutable_data_ptr<float>(), *running_variance = variance.mutable_data_ptr<float>();
    if (training) {
      // Near the mean, so that the squares lose little: the first row.
      std::vector<float> shift(channels);
      const at::BFloat16* first = x.const_data_ptr<at::BFloat16>();
      for (int64_t c = 0; c < channels; ++c) shift[c] = first[c];
      auto [sum, squares] = sums_of(rows, channels, [&](int64_t start, int64_t count, float* s, float* q) {
        kernels->sums(bits(x) + start * channels, count, channels, shift.data(), s, q);
      });
      double n = static_cast<double>(rows);
      for (int64_t c = 0; c < channels; ++c) {
        double offset = sum[c] / n, var = std::max(squares[c] / n - offset * offset, 0.0);
        centre[c] = static_cast<float>(shift[c] + offset);
        inverse[c] = static_cast<float>(1.0 / std::sqrt(var + eps));
        double unbiased = n > 1 ? var * n / (n - 1) : var;
        running_mean[c] = static_cast<float>((1 - momentum) * running_mean[c] + momentum * centre[c]);
        running_variance[c] = static_cast<float>((1 - momentum) * running_variance[c] + momentum * unbiased);
      }
    } else {
      for (int64_t c = 0; c < channels; ++c) {
        centre[c] = running_mean[c];
        inverse[c] = static_cast<float>(1.0 / std::sqrt(running_variance[c] + eps));
      }
    }
    for (int64_t c = 0; c < channels; ++c) {
      factor[c] = w[c] * inverse[c];
      summand[c] = b[c] - centre[c] * factor[c];
    }
    Tensor y = at::empty_like(x);
    uint16_t* out = bits_mut(y);
    in_pieces(rows, [&](int64_t, int64_t start, int64_t count) {
      int64_t at = start * channels;
      kernels->normalize(bits(x) + at, count, channels, factor, summand, static_cast<int>(activation), out + at);
    });
    ctx->save_for_backward({x, constants});
    ctx->saved_data["activation"] = activation;
    ctx->saved_data["training"] = training;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &constants = saved[1];
    int activation = static_cast<int>(ctx->saved_data["activation"].toInt());
    bool training = ctx->saved_data["training"].toBool();
    Tensor dy = images(gradients[0]);
    int64_t channels = x.size(1), rows = x.numel() / std::max<int64_t>(channels, 1);
    const float* factor = constants.const_data_ptr<float>();
    const float *summand = factor + channels, *centre = summand + channels, *inverse = centre + channels;
    auto [plain, centred] = sums_of(rows, channels, [&](int64_t start, int64_t count, float* p, float* c) {
      int64_t at = start * channels;
      kernels->gradient_sums(bits(x) + at, bits(dy) + at, count, channels, factor, summand, centre, activation, p, c);
    });
    Tensor dw = at::empty({channels}, constants.options()), db = at::empty({channels}, constants.options());
    float *to_w = dw.mutable_data_ptr<float>(), *to_b = db.mutable_data_ptr<float>();
    std::vector<float> by_x(channels, 0.0f), rest(channels, 0.0f);
    double n = static_cast<double>(rows);
    for (int64_t c = 0; c < channels; ++c) {
      to_w[c] = static_cast<float>(centred[c] * inverse[c]);
      to_b[c] = static_cast<float>(plain[c]);
      if (training) {
        by_x[c] = static_cast<float>(factor[c] * static_cast<double>(inverse[c]) * inverse[c] * centred[c] / n);
        rest[c] = static_cast<float>(factor[c] * plain[c] / n);
      }
    }
    Tensor dx;
    if (ctx->needs_input_grad(0)) {
      dx = at::empty_like(x);
      uint16_t* out = bits_mut(dx);
      in_pieces(rows, [&](int64_t, int64_t start, int64_t count) {
        int64_t at = start * channels;
        kernels->backward(bits(x) + at, bits(dy) + at, count, channels, factor, summand, centre, activation,
                          by_x.data(), rest.data(), out + at);
      });
    }
    return {dx, dw, db, Tensor(), Tensor(), Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

struct MaxPool : public Function<MaxPool> {
  static Tensor forward(AutogradContext* ctx, const Tensor& input) {
    at::AutoDispatchBelowADInplaceOrView guard;
    Tensor x = images(input);
    int64_t count = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
    TORCH_CHECK(height >= 2 && width >= 2, "expected images of at least 2 × 2 pixels");
    auto shape = {count, channels, height / 2, width / 2};
    Tensor y = at::empty(shape, x.options().memory_format(at::MemoryFormat::ChannelsLast));
    Tensor places = at::empty({y.numel()}, at::TensorOptions().dtype(at::kByte));
    uint16_t* out = bits_mut(y);
    uint8_t* place = places.mutable_data_ptr<uint8_t>();
    int64_t numbers = height * width * channels, pooled = (height / 2) * (width / 2) * channels;
    in_pieces(count, [&](int64_t, int64_t start, int64_t some) {
      kernels->max_pool(bits(x) + start * numbers, some, height, width, channels, out + start * pooled,
                        place + start * pooled);
    });
    ctx->save_for_backward({places});
    ctx->saved_data["shape"] = x.sizes().vec();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    Tensor places = ctx->get_saved_variables()[0];
    auto shape = ctx->saved_data["shape"].toIntVector();
    Tensor dy = images(gradients[0]);
    Tensor dx = at::empty(shape, dy.options().memory_format(at::MemoryFormat::ChannelsLast));
    int64_t height = shape[2], width = shape[3], channels = shape[1];
    int64_t numbers = height * width * channels, pooled = (height / 2) * (width / 2) * channels;
    uint16_t* out = bits_mut(dx);
    const uint8_t* place = places.const_data_ptr<uint8_t>();
    in_pieces(shape[0], [&](int64_t, int64_t start, int64_t some) {
      kernels->max_pool_backward(bits(dy) + start * pooled, place + start * pooled, some, height, width, channels,
                                 out + start * numbers);
    });
    return {dx};
  }
};

}  // namespace

extern "C" {

void engine_fused_kernels(const EngineKernels* table) { kernels = table; }

at::Tensor* engine_norm_activation(const at::Tensor* x, const at::Tensor* weight, const at::Tensor* bias,
                                   const at::Tensor* mean, const at::Tensor* variance, int training, double momentum,
                                   double eps, int activation) {
  return guarded(static_cast<at::Tensor*>(nullptr), [&] {
    return new at::Tensor(NormActivation::apply(*x, *weight, *bias, *mean, *variance, training != 0, momentum, eps,
                                                static_cast<int64_t>(activation)));
  });
}

at::Tensor* engine_max_pool(const at::Tensor* x) {
  return guarded(static_cast<at::Tensor*>(nullptr), [&] { return new at::Tensor(MaxPool::apply(*x)); });
}

}  // extern "C"
