//! Source grows with distinct modules, not with their instances.

use parameternet_compiler::backend::rust::{Documentation, Options, generate};
use parameternet_compiler::elaborate::{Request, elaborate};
use parameternet_compiler::plan::ImageLayout;
use parameternet_compiler::program::{MemoryLoader, Program};
use parameternet_runtime::Dtype;
use quote::quote;

/// A network of that many blocks whose channels grow: no two have the same sizes.
fn source(blocks: usize) -> String {
    let text = format!(
        "module Block(x, out) {{
            let y = x |> conv(out, kernel=3) as first |> batch_norm as first_norm |> relu
            return y |> conv(out, kernel=3, groups=out) as second |> batch_norm as second_norm |> hard_swish
        }}
        network Tower(blocks = {blocks}) {{
            input image: f32[batch, 3, 16, 16]
            let x = image
            for i in 0..blocks {{ x = x |> Block(16 + 2 * i) as blocks[i] }}
            return x |> mean([2, 3]) |> linear(10) as head
        }}"
    );
    let program = Program::load(&MemoryLoader::new("tower.pnet", &text), "tower.pnet");
    let graph = elaborate(&program.unwrap_or_else(|failure| panic!("{failure}")), &Request::default());
    let options = Options {
        runtime: quote!(::parameternet_runtime),
        layout: ImageLayout::Nchw,
        experts_dtype: Dtype::F32,
        embedded: None,
        documentation: Documentation::default(),
    };
    let graph = graph.unwrap_or_else(|failure| panic!("{failure}"));
    generate(&graph, &options).unwrap_or_else(|error| panic!("{error}")).to_string()
}

#[test]
fn twice_the_blocks_are_no_more_functions() {
    let functions = |source: &str| source.matches(" fn ").count();
    // Of few blocks, some are still alike by chance.
    let [few, many] = [source(12), source(36)];
    assert_eq!(functions(&few), functions(&many));
    // A block more is a call more, in the weights and in the steps.
    let per_block = (many.len() - few.len()) / 24;
    assert!(per_block < 400, "{per_block} characters for a block");
}
