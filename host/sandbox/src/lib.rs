//! Runs a module as an isolated WebAssembly component: engine, limits, the host side of the contract.
