//! The geometry of convolutions whose groups are few channels.

use super::{Epilogue, WindowShape};

/// The geometry of [`Kernel::Depthwise`](super::Kernel::Depthwise) and [`Kernel::Grouped`](super::Kernel::Grouped).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroupedShape {
    /// The window.
    pub window: WindowShape,
    /// Channels of a group, of the image as of the output: 1 if it is depthwise; otherwise a power of two up to
    /// [`GroupedShape::LARGEST_GROUP`].
    pub group: usize,
    /// The distance between neighbouring pixels of the output.
    pub out_stride: usize,
    /// The distance between rows of the output.
    pub out_row_stride: usize,
    /// The distance between rows of the residual.
    pub residual_row_stride: usize,
    /// What else happens.
    pub epilogue: Epilogue,
}

impl GroupedShape {
    /// Channels whose weights lie side by side: as many as the longest vector has lanes. Farther apart, weights of many channels would lie on
    /// as many pages of memory as there are taps.
    pub const LANES: usize = 16;

    /// The most channels of a group: half the lanes of the longest vector, which larger ones fill as the columns of a product.
    pub const LARGEST_GROUP: usize = 8;

    /// Whether several pixels are computed at once, on machines that have registers for that.
    #[must_use]
    pub const fn is_tiled(&self) -> bool {
        let WindowShape { kernel_width, stride_width, dilation_width, .. } = self.window;
        let is_known = match (kernel_width, stride_width) {
            (3, 1 | 2) => true,
            (5 | 7, 1 | 2) => self.group == 1,
            (1, 1) => self.group > 1,
            _ => false,
        };
        is_known && dilation_width == 1
    }
}
