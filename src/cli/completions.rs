//! `astfs completions`: the arguments, for a shell to complete.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, CliError};

/// Arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
For yourself, in bash:  astfs completions bash > ~/.local/share/bash-completion/completions/astfs
For all, in zsh:        astfs completions zsh  > /usr/share/zsh/site-functions/_astfs
For yourself, in fish:  astfs completions fish > ~/.config/fish/completions/astfs.fish")]
pub struct CompletionsArgs {
    /// For which shell
    shell: Shell,
}

/// clap's script offers a command's options for an empty word, and bash completes a path only where
/// nothing is offered. Most of what is typed here are paths.
const BASH_PATHS: &str = r#"
_astfs_paths() {
    _astfs "$@"
    [[ $2 == -* ]] && return
    local word words=()
    for word in "${COMPREPLY[@]}"; do [[ $word == -* ]] || words+=("$word"); done
    COMPREPLY=("${words[@]}")
}
"#;

pub fn run(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "astfs", &mut script);
    if args.shell == Shell::Bash {
        let ours =
            String::from_utf8_lossy(&script).replace("complete -F _astfs ", "complete -F _astfs_paths ");
        script = (ours + BASH_PATHS).into_bytes();
    }
    Ok(std::io::stdout().write_all(&script)?)
}
