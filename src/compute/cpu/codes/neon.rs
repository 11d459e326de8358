//! NEON: for now what the scalar kernels do.
use super::{CodeKernels, scalar};
pub(in super::super) const KERNELS: CodeKernels = scalar::KERNELS;
