//! Dynamic convolutions taken apart: what the coefficients, the mixing and the convolution cost, and how that compares with
//! the plain convolution (Han et al., "ParameterNet: Parameters Are All You Need", CVPR 2024, section 2.2).

use super::Analysis;
use super::totals::ratio;
use crate::graph::NodeId;
use crate::op::Op;
use crate::op::cost::Work;

/// Multiply-adds of the three parts of a dynamic convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// The linear layers of the routing.
    pub coefficients: u64,
    /// The sums over experts.
    pub mixing: u64,
    /// The convolution with the mixed filters, which is all that a plain convolution costs.
    pub convolution: u64,
}

impl Parts {
    /// All three together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.coefficients.saturating_add(self.mixing).saturating_add(self.convolution)
    }

    fn map(self, f: impl Fn(u64) -> u64) -> Parts {
        Parts { coefficients: f(self.coefficients), mixing: f(self.mixing), convolution: f(self.convolution) }
    }
}

/// A dynamic convolution of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicConvolution {
    /// Its node.
    pub node: NodeId,
    /// The node of its routing; `None` where other operations compute its coefficients, which cost nothing here then.
    pub routing: Option<NodeId>,
    /// How many experts are mixed.
    pub experts: u64,
    /// Images of the batch; each has coefficients and filters of its own.
    pub batch: u64,
    /// Multiply-adds of the whole batch.
    pub total: Parts,
    /// Trainable parameters, those of the routing included.
    pub parameters: u64,
    /// Trainable parameters of the plain convolution.
    pub plain_parameters: u64,
}

impl DynamicConvolution {
    /// Multiply-adds of one image.
    #[must_use]
    pub fn per_image(&self) -> Parts {
        self.total.map(|count| count / self.batch.max(1))
    }

    /// How many times the parameters of the plain convolution it has: about the number of experts.
    #[must_use]
    pub fn parameter_ratio(&self) -> f64 {
        ratio(self.parameters, self.plain_parameters)
    }

    /// How many times the multiply-adds of the plain convolution it takes: about 1 where the image is large.
    #[must_use]
    pub fn multiply_add_ratio(&self) -> f64 {
        ratio(self.total.total(), self.total.convolution)
    }
}

/// Every dynamic convolution, in order.
#[must_use]
pub fn dynamic_convolutions(analysis: &Analysis<'_>) -> Vec<DynamicConvolution> {
    let graph = analysis.graph;
    let mut found = Vec::new();
    for (node, cost) in analysis.iter() {
        let Op::DynamicConv(conv) = &node.op else { continue };
        let operands = graph.operands(cost.node);
        let is_routing = |id: &NodeId| graph.node(*id).is_some_and(|node| matches!(node.op, Op::Routing(_)));
        let routing = operands.get(1).copied().filter(is_routing).and_then(|id| analysis.node(id));
        let experts = conv.experts as u64;
        let own = cost.totals.parameters;
        found.push(DynamicConvolution {
            node: cost.node,
            routing: routing.map(|routing| routing.node),
            experts,
            batch: node.shape.dims().first().copied().unwrap_or(1) as u64,
            total: Parts {
                coefficients: routing.map_or(0, |routing| routing.cost.multiply_adds(Work::Coefficients)),
                mixing: cost.cost.multiply_adds(Work::Mixing),
                convolution: cost.cost.multiply_adds(Work::Convolution),
            },
            parameters: own.saturating_add(routing.map_or(0, |routing| routing.totals.parameters)),
            plain_parameters: own / experts.max(1),
        });
    }
    found
}
