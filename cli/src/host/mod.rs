//! The machine under the command line: files, environment, terminal, clock, network. `native` is this machine by the
//! standard library; `node` is Node around the wasm, by the functions of `node.js`. No other file knows which one it
//! is, so both programs do and say the same.

#[cfg(target_arch = "wasm32")]
mod functions;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(target_arch = "wasm32")]
mod node;
mod shapes;

#[cfg(not(target_arch = "wasm32"))]
pub use self::native::{
    ask, error, exit, is_terminal, now_ms, output, process_id, read, read_input, read_line, remove, rename,
    resolve, serve, sleep, start, variable, variables, write_new,
};
#[cfg(target_arch = "wasm32")]
pub use self::node::{
    ask, error, exit, is_terminal, now_ms, output, process_id, read, read_input, read_line, remove, rename,
    resolve, serve, sleep, start, variable, variables, write_new,
};
pub use self::shapes::{Answer, Call, Readers, Refusal, Request, Response, Stream};
