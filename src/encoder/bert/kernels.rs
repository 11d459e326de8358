//! The element-wise steps of the forward pass, each one fused over a row: written without branches so that
//! compilers turn them into vector instructions.

/// What a feed-forward layer applies between its two products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// `x Φ(x)` with the exact normal distribution (Hendrycks and Gimpel 2016).
    Gelu,
    /// The same paper's approximation by tanh.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
}

/// `rows[r][c] = activation(rows[r][c] + bias[c])`.
pub(super) fn add_bias_activate(rows: &mut [f32], bias: &[f32], activation: Activation) {
    let apply = match activation {
        Activation::Gelu => each::<Gelu>,
        Activation::GeluTanh => each::<GeluTanh>,
        Activation::Relu => each::<Relu>,
    };
    for row in rows.chunks_exact_mut(bias.len()) {
        apply(row, bias);
    }
}

trait Function {
    fn of(x: f32) -> f32;
}

struct Gelu;
struct GeluTanh;
struct Relu;

impl Function for Gelu {
    #[inline]
    fn of(x: f32) -> f32 {
        0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
    }
}

impl Function for GeluTanh {
    #[inline]
    fn of(x: f32) -> f32 {
        const SQRT_2_OVER_PI: f32 = 0.797_884_6;
        let inner = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
        let decay = exp_nonpositive(-2.0 * inner.abs());
        0.5 * x * (1.0 + ((1.0 - decay) / (1.0 + decay)).copysign(inner))
    }
}

impl Function for Relu {
    #[inline]
    fn of(x: f32) -> f32 {
        x.max(0.0)
    }
}

fn each<F: Function>(row: &mut [f32], bias: &[f32]) {
    for (x, b) in row.iter_mut().zip(bias) {
        *x = F::of(*x + b);
    }
}

/// The error function to 3e-7: Abramowitz and Stegun 1964, 7.1.26.
#[inline]
fn erf(x: f32) -> f32 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = 1.061_405_4;
    let series = series * t - 1.453_152;
    let series = series * t + 1.421_413_7;
    let series = series * t - 0.284_496_74;
    let series = series * t + 0.254_829_6;
    (1.0 - series * t * exp_nonpositive(-z * z)).copysign(x)
}

/// `exp(x)` for `x <= 0`, to two units in the last place; below -87 it gives `exp(-87)`, about 1e-38.
#[inline]
fn exp_nonpositive(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the low bits of a float.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2_HIGH - n * LN_2_LOW;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

/// Softmax of each row of `len` scores, in place.
pub(super) fn softmax(rows: &mut [f32], len: usize) {
    for row in rows.chunks_exact_mut(len) {
        let top = row.iter().fold(f32::NEG_INFINITY, |top, &x| if x > top { x } else { top });
        for x in row.iter_mut() {
            *x = exp_nonpositive(*x - top);
        }
        let scale = 1.0 / row.iter().sum::<f32>();
        for x in row {
            *x *= scale;
        }
    }
}

/// Gain, bias and epsilon of a layer normalization (Ba, Kiros, Hinton 2016).
pub(super) struct Norm {
    pub(super) gain: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) epsilon: f32,
}

impl Norm {
    /// Normalizes each row in place.
    pub(super) fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.gain.len()) {
            self.normalize(row);
        }
    }

    /// `rows = normalize(rows + added + added_bias)`, row by row.
    pub(super) fn apply_to_sum(&self, rows: &mut [f32], added: &[f32], added_bias: &[f32]) {
        let width = self.gain.len();
        for (row, added) in rows.chunks_exact_mut(width).zip(added.chunks_exact(width)) {
            for ((x, y), b) in row.iter_mut().zip(added).zip(added_bias) {
                *x += y + b;
            }
            self.normalize(row);
        }
    }

    fn normalize(&self, row: &mut [f32]) {
        let width = row.len() as f32;
        let mean = lane_sum(row, |x| x) / width;
        let variance = lane_sum(row, |x| (x - mean) * (x - mean)) / width;
        let scale = 1.0 / (variance + self.epsilon).sqrt();
        for ((x, gain), bias) in row.iter_mut().zip(&self.gain).zip(&self.bias) {
            *x = (*x - mean) * scale * gain + bias;
        }
    }
}

/// Sum of `f(x)` in eight lanes: one running sum would forbid vector instructions and round worse.
fn lane_sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0; 8];
    let chunks = row.chunks_exact(lanes.len());
    let rest: f32 = chunks.remainder().iter().map(|&x| f(x)).sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += f(x));
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> impl Iterator<Item = f32> {
        (-12_000..=12_000).map(|i| i as f32 / 1000.0)
    }

    #[test]
    fn exp_agrees_with_the_standard_library() {
        for x in grid().map(|x| x - 12.0).chain([-80.0, -86.9, 0.0]) {
            let relative = exp_nonpositive(x) / x.exp() - 1.0;
            assert!(relative.abs() < 3e-7, "{x}: {relative}");
        }
        assert!(exp_nonpositive(f32::NEG_INFINITY) < 1e-37);
    }

    /// Φ by its series (Marsaglia 2004), in f64.
    fn normal_distribution(x: f64) -> f64 {
        let (mut sum, mut term, mut i) = (x, x, 1.0);
        while term.abs() > 1e-12 {
            i += 2.0;
            term *= x * x / i;
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    #[test]
    fn gelu_is_x_times_the_normal_distribution() {
        for x in grid().filter(|x| x.abs() < 6.0) {
            let exact = f64::from(x) * normal_distribution(f64::from(x));
            assert!((f64::from(Gelu::of(x)) - exact).abs() < 1.5e-6, "{x}");
            assert!((f64::from(GeluTanh::of(x)) - exact).abs() < 5e-4, "{x}");
        }
        assert!(Gelu::of(-50.0).abs() < 1e-6 && (Gelu::of(50.0) - 50.0).abs() < 1e-5);
    }

    #[test]
    fn softmax_rows_sum_to_one() {
        let mut rows = vec![1.0, 2.0, 3.0, -1000.0, 0.0, 1000.0];
        softmax(&mut rows, 3);
        assert!((rows[..3].iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!((rows[2] / rows[1] - std::f32::consts::E).abs() < 1e-5);
        assert!((rows[5] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn norm_centres_and_scales_the_sum() {
        let norm = Norm { gain: vec![1.0; 9], bias: vec![0.5; 9], epsilon: 1e-12 };
        let mut row: Vec<f32> = (0..9).map(|x| x as f32).collect();
        norm.apply_to_sum(&mut row, &[1.0; 9], &[2.0; 9]);
        assert!((row.iter().sum::<f32>() / 9.0 - 0.5).abs() < 1e-6);
        assert!((row.iter().map(|x| (x - 0.5) * (x - 0.5)).sum::<f32>() / 9.0 - 1.0).abs() < 1e-6);
    }
}
