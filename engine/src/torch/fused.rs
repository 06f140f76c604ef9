//! Normalisation with activation, and pooling, in one pass each: the crate `kernels` as functions of torch's autograd.

use std::ffi::{c_double, c_int};
use std::sync::Once;

use kernels::{Activation, GradientSums, Images, Normed};
use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use super::{TorchError, last_error};

/// The same as in fused.cpp.
#[repr(C)]
struct Table {
    sums: unsafe extern "C" fn(*const u16, i64, i64, *const f32, *mut f32, *mut f32),
    normalize: unsafe extern "C" fn(*const u16, i64, i64, *const f32, *const f32, c_int, *mut u16),
    gradient_sums: unsafe extern "C" fn(
        *const u16,
        *const u16,
        i64,
        i64,
        *const f32,
        *const f32,
        *const f32,
        c_int,
        *mut f32,
        *mut f32,
    ),
    backward: unsafe extern "C" fn(
        *const u16,
        *const u16,
        i64,
        i64,
        *const f32,
        *const f32,
        *const f32,
        c_int,
        *const f32,
        *const f32,
        *mut u16,
    ),
    max_pool: unsafe extern "C" fn(*const u16, i64, i64, i64, i64, *mut u16, *mut u8),
    max_pool_backward: unsafe extern "C" fn(*const u16, *const u8, i64, i64, i64, i64, *mut u16),
}

static TABLE: Table = Table { sums, normalize, gradient_sums, backward, max_pool: max_pool_c, max_pool_backward };

unsafe extern "C" {
    fn engine_fused_kernels(table: *const Table);
    fn engine_norm_activation(
        x: *const C_tensor,
        weight: *const C_tensor,
        bias: *const C_tensor,
        mean: *const C_tensor,
        variance: *const C_tensor,
        training: c_int,
        momentum: c_double,
        eps: c_double,
        activation: c_int,
    ) -> *mut C_tensor;
    fn engine_max_pool(x: *const C_tensor) -> *mut C_tensor;
}

/// Whether a tensor of images is one that these functions are for: others they would have to turn round first.
pub fn fits(x: &Tensor) -> bool {
    let channels_last = || matches!(x.stride()[..], [_, 1, _, _]);
    x.kind() == Kind::BFloat16
        && x.device() == Device::Cpu
        && x.dim() == 4
        && x.numel() > 0
        && channels_last()
        && ready()
}

fn ready() -> bool {
    static HANDED_OVER: Once = Once::new();
    // SAFETY: the table is a constant of the program.
    HANDED_OVER.call_once(|| unsafe { engine_fused_kernels(&raw const TABLE) });
    kernels::available()
}

/// Statistics and weights of a batch normalisation, all float32, one number a channel.
pub struct Norm<'a> {
    /// Factor of each channel.
    pub weight: &'a Tensor,
    /// Summand of each channel.
    pub bias: &'a Tensor,
    /// Running mean, which is changed in training.
    pub mean: &'a Tensor,
    /// Running variance, which is changed in training.
    pub variance: &'a Tensor,
    /// Weight of a batch in the running mean and variance.
    pub momentum: f64,
    /// Added to the variance.
    pub eps: f64,
}

/// Batch normalisation of images that [`fits`], with the activation after it.
pub fn norm_activation(
    x: &Tensor,
    norm: &Norm<'_>,
    training: bool,
    activation: Activation,
) -> Result<Tensor, TorchError> {
    ready();
    // SAFETY: all tensors are alive, the table is handed over, and the result, if there is one, is ours.
    unsafe {
        let result = engine_norm_activation(
            x.as_ptr(),
            norm.weight.as_ptr(),
            norm.bias.as_ptr(),
            norm.mean.as_ptr(),
            norm.variance.as_ptr(),
            c_int::from(training),
            norm.momentum,
            norm.eps,
            match activation {
                Activation::None => 0,
                Activation::Relu => 1,
                Activation::Gelu => 2,
            },
        );
        if result.is_null() { Err(last_error()) } else { Ok(Tensor::from_ptr(result)) }
    }
}

/// The greatest of windows of 2 × 2 pixels of images that [`fits`], at least as large as one.
pub fn max_pool(x: &Tensor) -> Result<Tensor, TorchError> {
    ready();
    // SAFETY: the tensor is alive, the table is handed over, and the result, if there is one, is ours.
    unsafe {
        let result = engine_max_pool(x.as_ptr());
        if result.is_null() { Err(last_error()) } else { Ok(Tensor::from_ptr(result)) }
    }
}

fn activation(code: c_int) -> Activation {
    match code {
        1 => Activation::Relu,
        2 => Activation::Gelu,
        _ => Activation::None,
    }
}

/// A C array as a slice.
///
/// # Safety
/// There are that many elements, and nobody writes them meanwhile.
unsafe fn read<'a, T>(data: *const T, count: i64) -> &'a [T] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(data, count as usize) }
}

/// A C array to write to.
///
/// # Safety
/// There are that many elements, and nobody else uses them meanwhile.
unsafe fn write<'a, T>(data: *mut T, count: i64) -> &'a mut [T] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(data, count as usize) }
}

// SAFETY of all below: fused.cpp gives pieces of tensors that it holds, of the sizes that it says, and writes to each
// from one thread. They are initialised as C++ sees it: numbers of any bits are numbers.

unsafe extern "C" fn sums(x: *const u16, rows: i64, channels: i64, shift: *const f32, sum: *mut f32, q: *mut f32) {
    // SAFETY: see above.
    unsafe {
        kernels::sums(read(x, rows * channels), read(shift, channels), write(sum, channels), write(q, channels));
    }
}

unsafe extern "C" fn normalize(
    x: *const u16,
    rows: i64,
    channels: i64,
    factor: *const f32,
    summand: *const f32,
    code: c_int,
    y: *mut u16,
) {
    // SAFETY: see above.
    unsafe {
        let (factor, summand) = (read(factor, channels), read(summand, channels));
        let normed = Normed { factor, summand, mean: &[], activation: activation(code) };
        kernels::normalize(read(x, rows * channels), &normed, write(y, rows * channels));
    }
}

unsafe extern "C" fn gradient_sums(
    x: *const u16,
    dy: *const u16,
    rows: i64,
    channels: i64,
    factor: *const f32,
    summand: *const f32,
    mean: *const f32,
    code: c_int,
    plain: *mut f32,
    centred: *mut f32,
) {
    // SAFETY: see above.
    unsafe {
        let (factor, summand, mean) = (read(factor, channels), read(summand, channels), read(mean, channels));
        let normed = Normed { factor, summand, mean, activation: activation(code) };
        let mut sums = GradientSums { plain: write(plain, channels), centred: write(centred, channels) };
        kernels::gradient_sums(read(x, rows * channels), read(dy, rows * channels), &normed, &mut sums);
    }
}

unsafe extern "C" fn backward(
    x: *const u16,
    dy: *const u16,
    rows: i64,
    channels: i64,
    factor: *const f32,
    summand: *const f32,
    mean: *const f32,
    code: c_int,
    by_x: *const f32,
    plain: *const f32,
    dx: *mut u16,
) {
    // SAFETY: see above.
    unsafe {
        let (factor, summand, mean) = (read(factor, channels), read(summand, channels), read(mean, channels));
        let normed = Normed { factor, summand, mean, activation: activation(code) };
        let (x, dy, dx) = (read(x, rows * channels), read(dy, rows * channels), write(dx, rows * channels));
        kernels::backward(x, dy, &normed, read(by_x, channels), read(plain, channels), dx);
    }
}

fn sizes(height: i64, width: i64, channels: i64) -> Images {
    Images { height: height as usize, width: width as usize, channels: channels as usize }
}

unsafe extern "C" fn max_pool_c(
    x: *const u16,
    count: i64,
    height: i64,
    width: i64,
    channels: i64,
    y: *mut u16,
    places: *mut u8,
) {
    let images = sizes(height, width, channels);
    let (numbers, pooled) = (count * images.numbers() as i64, count * images.pooled() as i64);
    // SAFETY: see above.
    unsafe { kernels::max_pool(read(x, numbers), &images, write(y, pooled), write(places, pooled)) }
}

unsafe extern "C" fn max_pool_backward(
    dy: *const u16,
    places: *const u8,
    count: i64,
    height: i64,
    width: i64,
    channels: i64,
    dx: *mut u16,
) {
    let images = sizes(height, width, channels);
    let (numbers, pooled) = (count * images.numbers() as i64, count * images.pooled() as i64);
    // SAFETY: see above.
    unsafe { kernels::max_pool_backward(read(dy, pooled), read(places, pooled), &images, write(dx, numbers)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    /// bfloat16 with channels last, and a leaf.
    fn leaf(x: &Tensor) -> Tensor {
        let turned = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]).to_kind(Kind::BFloat16);
        turned.detach().set_requires_grad(true)
    }

    /// Largest difference, of numbers of about 1.
    fn difference(a: &Tensor, b: &Tensor) -> f64 {
        (a.to_kind(Kind::Float) - b.to_kind(Kind::Float)).abs().max().double_value(&[])
    }

    fn gradients(y: &Tensor, dy: &Tensor, of: &[&Tensor]) -> Vec<Tensor> {
        let loss = (y.to_kind(Kind::Float) * dy).sum(Kind::Float);
        Tensor::run_backward(&[loss], of, false, false)
    }

    /// In float32, by torch; ours within what bfloat16 can tell apart.
    #[test]
    fn normalisation_and_activation_are_torchs() {
        crate::torch::init();
        if !kernels::available() {
            return;
        }
        tch::manual_seed(5);
        for (activation, training) in
            [(Activation::Gelu, true), (Activation::Relu, true), (Activation::None, true), (Activation::Gelu, false)]
        {
            let x = leaf(&(random(&[9, 24, 7, 5]) * 2.0 + 3.0));
            let exact = x.to_kind(Kind::Float).detach().set_requires_grad(true);
            let (weight, bias) =
                ((random(&[24]) * 0.3 + 1.0).set_requires_grad(true), random(&[24]).set_requires_grad(true));
            let statistics = || {
                (
                    Tensor::ones([24], (Kind::Float, Device::Cpu)) * 3.0,
                    Tensor::ones([24], (Kind::Float, Device::Cpu)) * 4.0,
                )
            };
            let ((mean, variance), (other_mean, other_variance)) = (statistics(), statistics());
            let norm =
                Norm { weight: &weight, bias: &bias, mean: &mean, variance: &variance, momentum: 0.4, eps: 1e-12 };
            assert!(fits(&x));
            let y = norm_activation(&x, &norm, training, activation).unwrap();
            let z = exact.batch_norm(
                Some(&weight),
                Some(&bias),
                Some(&other_mean),
                Some(&other_variance),
                training,
                0.4,
                1e-12,
                true,
            );
            let expected = match activation {
                Activation::None => z,
                Activation::Relu => z.relu(),
                Activation::Gelu => z.gelu("none"),
            };
            let word = format!("{activation:?}, training {training}");
            assert!(difference(&y, &expected) < 0.03, "{word}: {}", difference(&y, &expected));
            assert!(difference(&mean, &other_mean) < 1e-5 && difference(&variance, &other_variance) < 1e-4, "{word}");
            let dy = random(&[9, 24, 7, 5]).to_kind(Kind::BFloat16).to_kind(Kind::Float);
            let ours = gradients(&y, &dy, &[&x, &weight, &bias]);
            let theirs = gradients(&expected, &dy, &[&exact, &weight, &bias]);
            for ((ours, theirs), least) in ours.iter().zip(&theirs).zip([0.03, 0.05, 0.05]) {
                assert!(difference(ours, theirs) < least, "{word}: {}", difference(ours, theirs));
            }
        }
    }

    #[test]
    fn pools_are_torchs() {
        crate::torch::init();
        if !kernels::available() {
            return;
        }
        tch::manual_seed(6);
        for (height, width) in [(8, 8), (7, 5), (2, 3)] {
            let x = leaf(&random(&[70, 24, height, width]));
            let y = max_pool(&x).unwrap();
            let expected = x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
            assert!(y.equal(&expected));
            let dy = random(&y.size());
            let (ours, theirs) = (gradients(&y, &dy, &[&x]), gradients(&expected, &dy, &[&x]));
            assert!(ours[0].equal(&theirs[0]));
        }
    }
}
