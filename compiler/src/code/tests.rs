//! What the code of plans does beside what results show.

use parameternet_runtime::Dtype;
use parameternet_runtime::abi::Kernel;

use super::*;
use crate::plan::Options;
use crate::plan::tests::{options, planned_with};

#[test]
fn experts_are_mixed_while_rows_are_multiplied() {
    // By call: whether panels come from experts, and whether some are mixed meanwhile.
    let calls = |body: &str, dtype: Dtype| {
        let mut calls = Vec::new();
        for routine in generate(&planned_with([1, 12], body, &Options { experts_dtype: dtype, ..options(&[]) })) {
            routine.visit(|statement| match statement {
                Statement::Call { kernel: Kernel::Matmul, .. } => calls.push((false, false)),
                Statement::Call { kernel: Kernel::MatmulMixed, arguments } => {
                    calls.push((true, arguments[15] != Argument::Index(Index::Constant(0))));
                }
                _ => {}
            });
        }
        calls.dedup();
        calls
    };
    let dynamic = "return x |> dynamic_conv(40, experts=4, routing=linear) as mix";
    assert_eq!(calls(dynamic, Dtype::F32), [(true, true)]);
    assert_eq!(calls(dynamic, Dtype::Bf16), [(true, false)], "numbers of fewer bytes are fetched alone");
    assert_eq!(calls("return x |> conv(40) as a", Dtype::F32), [(false, false)]);
}
