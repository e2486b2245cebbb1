//! The JavaScript around a wasm, by wasm-bindgen: `leadhook-bindgen WASM OUTPUT_FOLDER worker|node`.
//!
//! For a Worker it is a module that can begin again with a new instance after a panic; for Node a module that reads the
//! wasm beside it.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "leadhook-bindgen WASM OUTPUT_FOLDER worker|node";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [wasm, output, target @ ("worker" | "node")] => generate(wasm, output, *target == "worker"),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn generate(wasm: &str, output: &str, is_worker: bool) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(wasm).out_name("index").typescript(false);
    let bindgen = match is_worker {
        true => bindgen
            .module(true)
            .map(|bindgen| bindgen.reset_state_function(true).force_enable_abort_handler(true)),
        false => bindgen.nodejs_module(true),
    };
    // Its errors have a chain of causes.
    bindgen.and_then(|bindgen| bindgen.generate(output)).map_err(|error| format!("{wasm}: {error:#}"))
}
