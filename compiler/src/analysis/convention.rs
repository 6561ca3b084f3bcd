//! Conventions: what "FLOPs" means to whom.
//!
//! Published numbers of one network differ since tools count different operations. Each convention here has a name, says
//! what it counts, and adds up the same parts of [`Cost`].

use std::fmt;
use std::str::FromStr;

use parameternet_dsl::diagnostic::did_you_mean;

use crate::op::cost::{Cost, Part};

/// A convention of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Convention {
    /// Multiply-adds of convolutions, linear layers, matrix products, routing and mixing.
    #[default]
    Core,
    /// Core, and each element that average pooling reads.
    Paper,
    /// What fvcore 0.1.5 counts.
    Fvcore,
    /// Every floating-point operation.
    Strict,
}

impl Convention {
    /// Every convention, in the order of reports and of [`Counts`].
    pub const ALL: [Convention; 4] = [Convention::Core, Convention::Paper, Convention::Fvcore, Convention::Strict];

    /// Its name on the command line and in budgets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Convention::Core => "core",
            Convention::Paper => "paper",
            Convention::Fvcore => "fvcore",
            Convention::Strict => "strict",
        }
    }

    /// What it counts, one sentence without a full stop.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Convention::Core => {
                "multiply-adds of convolutions, linear layers, matrix products, routing and the mixing of experts"
            }
            Convention::Paper => "core, and each element that average pooling reads, that of routings included",
            Convention::Fvcore => {
                "what fvcore 0.1.5 counts: core, average pooling to a grid, normalisations, resampling"
            }
            Convention::Strict => "every floating-point operation; a multiply-add is two",
        }
    }

    /// What is counted, in reports.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Convention::Core => "multiply-adds",
            Convention::Paper | Convention::Fvcore => "FLOPs",
            Convention::Strict => "operations",
        }
    }

    /// What it counts of a part.
    #[must_use]
    pub fn count(self, part: &Part) -> u64 {
        match self {
            Convention::Core => part.multiply_adds,
            Convention::Paper => part.multiply_adds.saturating_add(part.pooled),
            Convention::Fvcore => part.fvcore.map_or(0, |fvcore| fvcore.count),
            Convention::Strict => part.operations,
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no convention of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no convention `{name}`{}", advice(*.meant))]
pub struct UnknownConvention {
    /// What was asked for.
    pub name: String,
    /// What may have been meant.
    pub meant: Option<Convention>,
}

fn advice(meant: Option<Convention>) -> String {
    match meant {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => format!("; the conventions are {}", Convention::ALL.map(Convention::name).join(", ")),
    }
}

impl FromStr for Convention {
    type Err = UnknownConvention;

    fn from_str(name: &str) -> Result<Self, UnknownConvention> {
        let named = |name: &str| Convention::ALL.into_iter().find(|convention| convention.name() == name);
        named(name).ok_or_else(|| {
            let meant = did_you_mean(name, Convention::ALL.map(Convention::name)).and_then(named);
            UnknownConvention { name: name.to_owned(), meant }
        })
    }
}

/// A count by each convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Counts {
    /// See [`Convention::Core`].
    pub core: u64,
    /// See [`Convention::Paper`].
    pub paper: u64,
    /// See [`Convention::Fvcore`].
    pub fvcore: u64,
    /// See [`Convention::Strict`].
    pub strict: u64,
}

impl Counts {
    /// The count of one convention.
    #[must_use]
    pub fn get(&self, convention: Convention) -> u64 {
        match convention {
            Convention::Core => self.core,
            Convention::Paper => self.paper,
            Convention::Fvcore => self.fvcore,
            Convention::Strict => self.strict,
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Counts) -> Counts {
        Counts {
            core: self.core.saturating_add(other.core),
            paper: self.paper.saturating_add(other.paper),
            fvcore: self.fvcore.saturating_add(other.fvcore),
            strict: self.strict.saturating_add(other.strict),
        }
    }
}

/// A part by every convention.
#[must_use]
pub fn part_counts(part: &Part) -> Counts {
    let [core, paper, fvcore, strict] = Convention::ALL.map(|convention| convention.count(part));
    Counts { core, paper, fvcore, strict }
}

/// All parts together by every convention.
#[must_use]
pub fn counts(cost: &Cost) -> Counts {
    cost.parts.iter().map(part_counts).fold(Counts::default(), Counts::plus)
}
