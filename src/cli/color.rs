//! Whether findings are printed in colour.

use std::io::IsTerminal;

use clap::ValueEnum;

/// When to print in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that knows colours, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    /// Whether what goes to standard error is coloured.
    pub fn on_stderr(self) -> bool {
        self.on(&std::io::stderr())
    }

    /// Whether what goes to standard output is coloured.
    pub fn on_stdout(self) -> bool {
        self.on(&std::io::stdout())
    }

    fn on(self, stream: &impl IsTerminal) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        match self {
            Color::Auto => stream.is_terminal() && !is_set("NO_COLOR") && !is_dumb,
            Color::Always => true,
            Color::Never => false,
        }
    }
}
