//! `astfs publish`: what a tree asks its servers, asked once and published for any number of mounts.

use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connect;
use super::nats::NatsArgs;
use super::open::{self, Connections};
use super::{CliError, TreeSelection, service};
use crate::language::Model;
use crate::published::Publisher;

/// Arguments of `publish`.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct PublishArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// The NATS server, with JetStream, where the answers are put
    #[arg(long, value_name = "nats://HOST:PORT")]
    to: String,
    #[command(flatten)]
    nats: NatsArgs,
    /// Publish secrets and passwords too; without, they read as ***
    #[arg(long)]
    secrets: bool,
}

const AFTER_HELP: &str = "\
It asks all that the tree can ask, keeps it fresh by events and by age, and puts each answer into a bucket of each
server, and the events into a stream. `astfs mount TREE --from nats://HOST:PORT` shows the same tree from there, on
any number of machines. Of several publishers of one server one leads, and another takes over when it is gone.

Examples:
  astfs publish /etc/astfs/pbx.toml --to nats://nats.example:4222 --nats-credentials /etc/astfs/publisher.creds
  astfs mount /etc/astfs/pbx.toml /mnt --from nats://nats.example:4222";

/// Publishes until SIGINT or SIGTERM.
pub fn run(args: &PublishArgs) -> Result<(), CliError> {
    let runtime = open::runtime()?;
    let done = runtime.block_on(publish(args));
    runtime.shutdown_background();
    done
}

async fn publish(args: &PublishArgs) -> Result<(), CliError> {
    let settings = args.nats.settings(&args.to)?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut model = open::model(&args.selection.tree, &args.selection.server)?;
    let targets = connect::targets(&mut model, &args.selection.server, None)?;
    open::permit(&model, targets.values(), &args.selection.server)?;
    if targets.is_empty() {
        return Err(CliError::Arguments("this tree asks no server: there is nothing to publish".into()));
    }
    let nats = settings.connect().await?;
    let id = own_name();
    let (stop, stopped) = watch::channel(false);
    let mut publishing = JoinSet::new();
    let mut clients = Vec::new();
    for (name, target) in &targets {
        let model = of_server(args, name)?;
        let target = [(name.clone(), target.clone())].into_iter().collect();
        let Connections { servers, clients: live, origins } = open::connect(&target, &args.selection.server)?;
        clients.extend(live.into_values());
        for server in servers {
            let (model, origins, id) = (Arc::clone(&model), Arc::clone(&origins), id.clone());
            let (nats, name) = (nats.clone(), name.clone());
            let publisher = Publisher { nats, model, server, origins, name, id, secrets: args.secrets };
            publishing.spawn(publisher.run(stopped.clone()));
        }
    }
    tracing::info!("publishes to {}", args.to);
    service::publishing(&args.to);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        // they end by a mistake alone
        _ = publishing.join_next() => {}
    }
    service::stopping();
    stop.send_replace(true);
    publishing.join_all().await;
    for client in clients {
        client.stop().await;
    }
    Ok(())
}

/// The tree of one server alone: what is asked of one waits for no other.
fn of_server(args: &PublishArgs, name: &str) -> Result<Arc<Model>, CliError> {
    let mut selection = args.selection.server.clone();
    if !name.is_empty() {
        selection.server.push(name.to_owned());
    }
    let (model, _) = open::load(&args.selection.tree, &selection, None)?;
    model.map(Arc::new).ok_or(CliError::Mistakes)
}

/// What no other publisher is called: this machine, this process and when it began.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|letter| !letter.is_control()).collect();
    let began = jiff::Timestamp::now().as_microsecond();
    format!("{}/{}/{began}", if host.is_empty() { "localhost" } else { &host }, std::process::id())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_publisher_is_called_as_no_other_one_is() {
        assert_ne!(super::own_name(), {
            std::thread::sleep(std::time::Duration::from_millis(1));
            super::own_name()
        });
    }
}
