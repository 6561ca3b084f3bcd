//! Instruction sets: which of them this machine has, and which one is used.
//!
//! In comes the machine and, in [`Isa::chosen`] and [`Isa::chosen_among`] alone, the environment variable `PNET_ISA`. Out comes an [`Isa`]. Its
//! kernels are in [`Kernels::for_isa`](crate::kernels::Kernels::for_isa), which gives none that the machine cannot run.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::abi::Tile;

/// An instruction set that there are kernels for, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Isa {
    /// What every machine has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 (F, VL, BW, DQ) besides.
    Avx512,
}

/// Why an instruction set cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// No instruction set has that name.
    #[error("there is no instruction set '{name}'; there are avx512, avx2 and portable")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// This machine lacks it.
    #[error("this machine does not have the instruction set {isa}")]
    Unavailable {
        /// What was asked for.
        isa: Isa,
    },
    /// The machine has it, but the code was made for others.
    #[error("there is no code for the instruction set {isa}, only for {}", names(.among))]
    NoCode {
        /// What was asked for.
        isa: Isa,
        /// What there is code for.
        among: Vec<Isa>,
    },
    /// The machine has none that the code was made for.
    #[error("there is code for {} only, which this machine does not have", names(.among))]
    NoneAvailable {
        /// What there is code for.
        among: Vec<Isa>,
    },
}

/// A list for people.
fn names(isas: &[Isa]) -> String {
    isas.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ")
}

impl Isa {
    /// All of them, in order.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The name, as in `PNET_ISA`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this machine can run it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            Isa::Avx512 => {
                Isa::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
            Isa::Avx2 | Isa::Avx512 => false,
        }
    }

    /// The instruction sets of this machine, in order.
    #[must_use]
    pub fn available() -> Vec<Isa> {
        Isa::ALL.into_iter().filter(|isa| isa.is_available()).collect()
    }

    /// The best instruction set of this machine.
    #[must_use]
    pub fn detect() -> Isa {
        Isa::ALL.into_iter().rev().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
    }

    /// The one that the environment variable `PNET_ISA` asks for, else the best one. Without the feature `std` there is no environment.
    ///
    /// # Errors
    ///
    /// If the variable names no instruction set, or one that this machine lacks.
    pub fn chosen() -> Result<Isa, IsaError> {
        Isa::chosen_among(&Isa::ALL)
    }

    /// [`Isa::chosen`] where there is code for some instruction sets only.
    ///
    /// # Errors
    ///
    /// As [`Isa::chosen`], and if there is no code for the one that was asked for, or for none of this machine's.
    pub fn chosen_among(among: &[Isa]) -> Result<Isa, IsaError> {
        #[cfg(feature = "std")]
        let name = std::env::var_os("PNET_ISA").map(|name| name.to_string_lossy().into_owned());
        #[cfg(not(feature = "std"))]
        let name: Option<String> = None;
        Isa::choose(name.as_deref(), among)
    }

    fn choose(name: Option<&str>, among: &[Isa]) -> Result<Isa, IsaError> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            let best = among.iter().copied().filter(|isa| isa.is_available()).max();
            return best.ok_or_else(|| IsaError::NoneAvailable { among: among.to_vec() });
        };
        let isa: Isa = name.parse()?;
        if !isa.is_available() {
            return Err(IsaError::Unavailable { isa });
        }
        if among.contains(&isa) { Ok(isa) } else { Err(IsaError::NoCode { isa, among: among.to_vec() }) }
    }

    /// Whether this machine has what machine code of every instruction set takes for granted: SSE4.1 on x86-64, which
    /// machines of the last fifteen years have.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn has_machine_code() -> bool {
        #[cfg(target_arch = "x86_64")]
        return is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3");
        #[cfg(not(target_arch = "x86_64"))]
        return true;
    }

    /// The register tile of its matrix product.
    #[must_use]
    pub const fn tile(self) -> Tile {
        match self {
            Isa::Portable => Tile { lanes: 4, rows: 4 },
            Isa::Avx2 => Tile { lanes: 8, rows: 6 },
            Isa::Avx512 => Tile { lanes: 16, rows: 12 },
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Isa, IsaError> {
        Isa::ALL.into_iter().find(|isa| isa.name() == name).ok_or_else(|| IsaError::Unknown { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed() {
        for isa in Isa::ALL {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
    }

    #[test]
    fn a_choice_is_honoured_or_refused() {
        let choose = |name| Isa::choose(name, &Isa::ALL);
        assert_eq!(choose(None), Ok(Isa::detect()));
        assert_eq!(choose(Some("")), Ok(Isa::detect()));
        assert_eq!(choose(Some("portable")), Ok(Isa::Portable));
        let unknown = choose(Some("sse9")).unwrap_err();
        assert_eq!(unknown.to_string(), "there is no instruction set 'sse9'; there are avx512, avx2 and portable");
        for isa in Isa::ALL {
            let expected = if isa.is_available() { Ok(isa) } else { Err(IsaError::Unavailable { isa }) };
            assert_eq!(choose(Some(isa.name())), expected);
        }
        let unavailable = IsaError::Unavailable { isa: Isa::Avx512 };
        assert_eq!(unavailable.to_string(), "this machine does not have the instruction set avx512");
    }

    #[test]
    fn a_choice_is_among_what_there_is_code_for() {
        assert_eq!(Isa::choose(None, &[Isa::Portable]), Ok(Isa::Portable));
        let none = Isa::choose(None, &[]).unwrap_err();
        assert_eq!(none, IsaError::NoneAvailable { among: Vec::new() });
        let refused = Isa::choose(Some("portable"), &[Isa::Avx2, Isa::Avx512]).unwrap_err();
        assert_eq!(refused.to_string(), "there is no code for the instruction set portable, only for avx2, avx512");
    }

    #[test]
    fn the_best_one_is_the_last_available() {
        assert_eq!(Isa::available().last(), Some(&Isa::detect()));
        assert!(Isa::available().contains(&Isa::Portable));
    }
}
