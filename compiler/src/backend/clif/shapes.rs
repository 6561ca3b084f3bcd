//! The constant structures that kernels read, as data of a module.
//!
//! In: routines. Out: each structure that their calls name, once, by its bytes as the runtime's `#[repr(C)]` types have them;
//! `shape3` in listings.

use std::collections::HashMap;

use cranelift_module::{DataDescription, DataId, Linkage, Module, ModuleError};
use parameternet_runtime::abi::{
    ActivationShape, Epilogue, GroupedShape, MatmulShape, NormShape, PoolShape, ResampleShape, Runs, SoftmaxShape,
    StripShape, WindowShape, WinogradInputShape, WinogradOutputShape,
};

use crate::code::{Argument, Routine, Shape, Statement};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    known: HashMap<Vec<u8>, DataId>,
}

impl Shapes {
    /// Puts all that some routines name into a module; names begin with the prefix.
    pub fn define(routines: &[Routine], module: &mut impl Module, prefix: &str) -> Result<Shapes, Box<ModuleError>> {
        let mut known = HashMap::new();
        for shape in named(routines) {
            let bytes = bytes(shape);
            if known.contains_key(&bytes) {
                continue;
            }
            let name = format!("{prefix}shape{}", known.len());
            let id = module.declare_data(&name, Linkage::Local, false, false)?;
            let mut description = DataDescription::new();
            description.set_align(align_of::<usize>() as u64);
            description.define(bytes.clone().into());
            module.define_data(id, &description)?;
            known.insert(bytes, id);
        }
        Ok(Shapes { known })
    }

    /// Where a structure stands that one of the routines names.
    #[expect(clippy::indexing_slicing, reason = "all that the routines name was defined")]
    pub fn of(&self, shape: &Shape) -> DataId {
        self.known[&bytes(shape)]
    }
}

/// The bytes that the structures of some routines take at most.
#[cfg(feature = "jit")]
pub(in crate::backend) fn total_bytes(routines: &[Routine]) -> usize {
    named(routines).into_iter().map(|shape| bytes(shape).len()).sum()
}

/// The structures that the calls of some routines name, in order.
fn named(routines: &[Routine]) -> Vec<&Shape> {
    let mut shapes = Vec::new();
    for routine in routines {
        routine.visit(|statement| {
            if let Statement::Call { arguments, .. } = statement {
                shapes.extend(arguments.iter().filter_map(|argument| match argument {
                    Argument::Shape(shape) => Some(shape),
                    Argument::Address(_) | Argument::Fetched(_) | Argument::Null | Argument::Index(_) => None,
                }));
            }
        });
    }
    shapes
}

/// A structure as it lies in the memory of this machine, field by field.
fn bytes(shape: &Shape) -> Vec<u8> {
    let mut bytes = Bytes(Vec::new());
    // All fields are named, so that none is forgotten.
    match *shape {
        Shape::Matmul(ref shape, _) => {
            let &MatmulShape { runs: Runs { length, counts, strides }, columns, a_stride, out_stride, epilogue } =
                shape;
            bytes.sizes(&[length]).sizes(&counts).sizes(&strides);
            bytes.sizes(&[columns, a_stride, out_stride]).epilogue(epilogue);
        }
        Shape::Strip(ref shape) => {
            let &StripShape { height, width, top, left, stride, extent, channels, .. } = shape;
            let &StripShape { pixel_stride, row_stride, planes, plane_stride, row_length, plane_length, .. } = shape;
            bytes.sizes(&[height, width, top, left, stride, extent, channels]);
            bytes.sizes(&[pixel_stride, row_stride, planes, plane_stride, row_length, plane_length]);
        }
        Shape::Grouped(ref shape) => {
            let &GroupedShape { window, group, out_stride, out_row_stride, residual_row_stride, epilogue } = shape;
            bytes.window(window).sizes(&[group, out_stride, out_row_stride, residual_row_stride]);
            bytes.epilogue(epilogue);
        }
        Shape::Pool(PoolShape { window, channels, out_stride, bottom, right, count_padding }) => {
            bytes.window(window).sizes(&[channels, out_stride, bottom, right, count_padding]);
        }
        Shape::Resample(ResampleShape {
            height,
            width,
            out_height,
            out_width,
            channels,
            pixel_stride,
            row_stride,
            out_stride,
            align_corners,
        }) => {
            bytes.sizes(&[height, width, out_height, out_width, channels]);
            bytes.sizes(&[pixel_stride, row_stride, out_stride, align_corners]);
        }
        Shape::Softmax(SoftmaxShape { columns, source_stride, out_stride, bias_stride, mask_stride, temperature }) => {
            bytes.sizes(&[columns, source_stride, out_stride, bias_stride, mask_stride]).single(temperature).pad();
        }
        Shape::Norm(NormShape { columns, groups, source_stride, out_stride, eps }) => {
            bytes.sizes(&[columns, groups, source_stride, out_stride]).single(eps).pad();
        }
        Shape::WinogradInput(ref shape) => {
            let &WinogradInputShape { height, width, tiles, channels, .. } = shape;
            let &WinogradInputShape { top, left, pixel_stride, row_stride, point_stride, .. } = shape;
            bytes.sizes(&[height, width, tiles, channels, top, left, pixel_stride, row_stride, point_stride]);
        }
        Shape::WinogradOutput(WinogradOutputShape {
            height,
            width,
            tiles,
            channels,
            point_stride,
            out_stride,
            out_row_stride,
            residual_row_stride,
            epilogue,
        }) => {
            bytes.sizes(&[height, width, tiles, channels, point_stride]);
            bytes.sizes(&[out_stride, out_row_stride, residual_row_stride]).epilogue(epilogue);
        }
    }
    bytes.0
}

struct Bytes(Vec<u8>);

impl Bytes {
    fn sizes(&mut self, sizes: &[usize]) -> &mut Self {
        self.0.extend(sizes.iter().flat_map(|size| size.to_ne_bytes()));
        self
    }

    fn single(&mut self, number: f32) -> &mut Self {
        self.0.extend(number.to_ne_bytes());
        self
    }

    /// Structures are as long as a multiple of their alignment.
    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(align_of::<usize>()), 0);
    }

    fn activation(&mut self, ActivationShape { code, slope }: ActivationShape) -> &mut Self {
        self.0.extend((code as u32).to_ne_bytes());
        self.single(slope)
    }

    fn epilogue(&mut self, Epilogue { before, after, residual_stride, fetch }: Epilogue) -> &mut Self {
        self.activation(before).activation(after).sizes(&[residual_stride, fetch])
    }

    fn window(&mut self, window: WindowShape) -> &mut Self {
        let WindowShape {
            height,
            width,
            out_width,
            kernel_height,
            kernel_width,
            stride_height,
            stride_width,
            dilation_height,
            dilation_width,
            top,
            left,
            pixel_stride,
            row_stride,
        } = window;
        self.sizes(&[height, width, out_width, kernel_height, kernel_width, stride_height, stride_width]);
        self.sizes(&[dilation_height, dilation_width, top, left, pixel_stride, row_stride])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Panel;

    /// What the fields are is tested by machine code, which reads them.
    #[test]
    fn structures_are_as_long_as_the_types() {
        let cases = [
            (Shape::Matmul(MatmulShape::default(), Panel::Full), size_of::<MatmulShape>()),
            (Shape::Strip(StripShape::default()), size_of::<StripShape>()),
            (Shape::Grouped(GroupedShape::default()), size_of::<GroupedShape>()),
            (Shape::Pool(PoolShape::default()), size_of::<PoolShape>()),
            (Shape::WinogradInput(WinogradInputShape::default()), size_of::<WinogradInputShape>()),
            (Shape::WinogradOutput(WinogradOutputShape::default()), size_of::<WinogradOutputShape>()),
            (Shape::Resample(ResampleShape::default()), size_of::<ResampleShape>()),
            (Shape::Softmax(SoftmaxShape::default()), size_of::<SoftmaxShape>()),
            (Shape::Norm(NormShape::default()), size_of::<NormShape>()),
        ];
        for (shape, length) in cases {
            assert_eq!(bytes(&shape).len(), length, "{shape:?}");
        }
    }
}
