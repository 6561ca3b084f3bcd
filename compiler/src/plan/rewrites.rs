//! What planning does beyond putting one node after the other; each can be left out by name, and the results stay the same
//! up to rounding. They come after all [passes](crate::passes), which work on the graph; these work on steps.

/// Something that planning does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrite {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does, one sentence without a full stop.
    pub summary: &'static str,
}

/// All of them, in the order in which they are decided.
pub const REWRITES: [Rewrite; 11] = [
    Rewrite {
        name: "fuse-attention",
        summary: "Compute scores, their softmax and its product with values some rows at a time, so that scores stay in the cache",
    },
    Rewrite {
        name: "fuse-epilogues",
        summary: "Let kernels finish their outputs: activations, gates per channel, residuals",
    },
    Rewrite {
        name: "gate-filters",
        summary: "Multiply filters, not the image, where a pointwise convolution reads an image with a gate per channel and that is less work",
    },
    Rewrite { name: "fuse-elementwise", summary: "Compute chains of elementwise operations in one loop" },
    Rewrite {
        name: "accumulate-means",
        summary: "Sum an image per channel where it is written, for the global average pooling that follows",
    },
    Rewrite {
        name: "winograd",
        summary: "Compute 3×3 convolutions with fewer multiplications where that costs less (Winograd's filtering)",
    },
    Rewrite {
        name: "strassen",
        summary: "Compute linear layers and pointwise convolutions with fewer multiplications where that costs less (Strassen's algorithm)",
    },
    Rewrite {
        name: "write-in-place",
        summary: "Write values straight into the concatenations and outputs that want them",
    },
    Rewrite {
        name: "cascade-rows",
        summary: "Compute convolutions that follow one another some rows at a time, so that what is between them stays in the cache",
    },
    Rewrite {
        name: "by-sample",
        summary: "Do steps for one sample of a batch after the other where that is less traffic, so that what is between them stays in the cache",
    },
    Rewrite { name: "overwrite-operands", summary: "Write results where an operand lies that nobody reads again" },
];

/// Which of [`REWRITES`] are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewrites {
    done: [bool; REWRITES.len()],
}

impl Default for Rewrites {
    fn default() -> Self {
        Rewrites { done: [true; REWRITES.len()] }
    }
}

impl Rewrites {
    /// Leaves one out; whether there is one of that name.
    pub fn leave_out(&mut self, name: &str) -> bool {
        let position = REWRITES.iter().position(|rewrite| rewrite.name == name);
        match position.and_then(|position| self.done.get_mut(position)) {
            Some(done) => {
                *done = false;
                true
            }
            None => false,
        }
    }

    fn has(self, name: &str) -> bool {
        REWRITES.iter().zip(self.done).any(|(rewrite, done)| done && rewrite.name == name)
    }

    /// `fuse-attention`
    #[must_use]
    pub fn fuses_attention(self) -> bool {
        self.has("fuse-attention")
    }

    /// `fuse-epilogues`
    #[must_use]
    pub fn fuses_epilogues(self) -> bool {
        self.has("fuse-epilogues")
    }

    /// `gate-filters`
    #[must_use]
    pub fn gates_filters(self) -> bool {
        self.has("gate-filters")
    }

    /// `fuse-elementwise`
    #[must_use]
    pub fn fuses_elementwise(self) -> bool {
        self.has("fuse-elementwise")
    }

    /// `accumulate-means`
    #[must_use]
    pub fn accumulates_means(self) -> bool {
        self.has("accumulate-means")
    }

    /// `winograd`
    #[must_use]
    pub fn filters_by_winograd(self) -> bool {
        self.has("winograd")
    }

    /// `strassen`
    #[must_use]
    pub fn multiplies_in_halves(self) -> bool {
        self.has("strassen")
    }

    /// `write-in-place`
    #[must_use]
    pub fn writes_in_place(self) -> bool {
        self.has("write-in-place")
    }

    /// `cascade-rows`
    #[must_use]
    pub fn cascades_rows(self) -> bool {
        self.has("cascade-rows")
    }

    /// `by-sample`
    #[must_use]
    pub fn goes_by_sample(self) -> bool {
        self.has("by-sample")
    }

    /// `overwrite-operands`
    #[must_use]
    pub fn overwrites_operands(self) -> bool {
        self.has("overwrite-operands")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_name() {
        let all = Rewrites::default();
        let has = |rewrites: Rewrites| {
            [
                rewrites.fuses_attention(),
                rewrites.fuses_epilogues(),
                rewrites.gates_filters(),
                rewrites.fuses_elementwise(),
                rewrites.accumulates_means(),
                rewrites.filters_by_winograd(),
                rewrites.multiplies_in_halves(),
                rewrites.writes_in_place(),
                rewrites.cascades_rows(),
                rewrites.goes_by_sample(),
                rewrites.overwrites_operands(),
            ]
        };
        assert_eq!(has(all), [true; REWRITES.len()]);
        for (position, rewrite) in REWRITES.iter().enumerate() {
            let mut rest = all;
            assert!(rest.leave_out(rewrite.name));
            let mut expected = [true; REWRITES.len()];
            expected[position] = false;
            assert_eq!(has(rest), expected, "{}", rewrite.name);
        }
        assert!(!Rewrites::default().leave_out("fold-everything"));
    }
}
