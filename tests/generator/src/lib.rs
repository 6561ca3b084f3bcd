//! A generator of valid networks: the same program for the same seed, on every machine.
//!
//! Where random texts try whether the compiler refuses nonsense, these programs try whether it computes sense: each one
//! compiles, runs in milliseconds and stays tame (nothing is divided by what may be near zero, values stay within about a
//! thousand), so that two ways to compute it can be compared. Together they contain every operation with every setting,
//! odd sizes, several inputs and outputs, modules, loops, and the blocks that passes look for.
//!
//! In: a seed and [`Settings`]. Out: the text. The crate knows the language and the shapes by itself and shares no code with
//! the compiler, whose shape rules are so tested as well. It does no I/O.
//!
//! - [`random`]: the numbers; [`window`]: kernels, strides and padding with the sizes that they give;
//! - [`writer`]: the program so far, its tensors and their shapes;
//! - [`image`], [`elements`], [`layout`]: operations by what they work on; [`arithmetic`]: two tensors and numbers;
//! - [`blocks`]: modules, loops and attention; [`branches`]: sums of parallel branches.

pub mod arithmetic;
pub mod blocks;
pub mod branches;
pub mod elements;
pub mod image;
pub mod layout;
pub mod random;
pub mod window;
pub mod writer;

use random::Random;
use writer::Writer;

/// How large programs become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most statements, not counting those of modules.
    pub statements: usize,
    /// The most multiply-adds, about.
    pub work: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { statements: 16, work: 1_000_000 }
    }
}

/// The text of one valid file with one network, whose inputs have a batch size of 1 to 3 (`batch` stands for 1).
///
/// ```
/// use parameternet_generator::{Settings, program};
///
/// let text = program(7, &Settings::default());
/// assert!(text.contains("network Generated"));
/// assert_eq!(text, program(7, &Settings::default()));
/// ```
#[must_use]
pub fn program(seed: u64, settings: &Settings) -> String {
    let mut writer = Writer::new(Random::new(seed), settings.work);
    writer.inputs();
    let statements = writer.random.between(settings.statements / 2, settings.statements);
    for _ in 0..statements {
        blocks::statement(&mut writer);
    }
    writer.finish()
}
