//! `astfs query`: what a query gives.

use std::io::Write;

use clap::Args;

use super::{CliError, TreeSelection, open};
use crate::language::QueryId;
use crate::query::{Bindings, Queries, Reads, Unready};

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// A query of the tree file; without one, all are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the bytes that the server sent instead of the parsed result
    #[arg(long)]
    raw: bool,
    /// For a query that is asked once per record: which record
    #[arg(long, value_name = "VARIABLE=KEY")]
    record: Vec<String>,
}

pub fn run(args: &QueryArgs) -> Result<(), CliError> {
    let runtime = open::runtime()?;
    runtime.block_on(async {
        let Some(name) = &args.name else { return list(args) };
        let opened = open::open(&args.selection, None)?;
        let queries = opened.tree.queries();
        let Some(&id) = queries.model().query_names.get(name) else {
            let mut known: Vec<&str> = queries.model().query_names.keys().map(String::as_str).collect();
            known.sort_unstable();
            let hint = crate::language::suggestion(name, known).unwrap_or_default();
            return Err(CliError::Arguments(format!("there is no query `{name}`; {hint}")));
        };
        let asked: Vec<(&str, &str)> =
            args.record.iter().filter_map(|record| record.split_once('=')).collect();
        let compute = |reads: &Reads| {
            let bindings = bindings(queries, id, &asked, reads)?;
            let Some(bindings) = bindings else { return Ok(None) };
            let raw = if args.raw { queries.raw(id, &bindings, reads)? } else { Default::default() };
            Ok(Some((queries.read(id, &bindings, reads)?, raw)))
        };
        let (snapshot, _) = queries.settle(opened.tree.deadline(), compute).await?;
        let Some((snapshot, raw)) = snapshot else {
            let parameters = queries.model().query(id).parameters.join("`, `");
            let message = format!(
                "query `{name}` is asked once for each `{parameters}`; name one: --record VARIABLE=KEY"
            );
            return Err(CliError::Arguments(message));
        };
        let mut output = std::io::stdout();
        if args.raw {
            output.write_all(&raw)?;
        } else {
            serde_json::to_writer_pretty(&mut output, &snapshot.value).map_err(std::io::Error::from)?;
            output.write_all(b"\n")?;
        }
        Ok(())
    })
}

fn list(args: &QueryArgs) -> Result<(), CliError> {
    let model = open::model(&args.selection.tree, &args.selection.server)?;
    let mut output = std::io::stdout();
    for query in model.queries.iter().take(model.query_names.len()) {
        let parameters = query.parameters.join(", ");
        let per =
            if parameters.is_empty() { String::new() } else { format!("  (once for each {parameters})") };
        writeln!(output, "{}{per}", query.name)?;
    }
    Ok(())
}

/// The records that were named on the command line; none if one is missing.
fn bindings(
    queries: &std::sync::Arc<Queries>,
    id: QueryId,
    asked: &[(&str, &str)],
    reads: &Reads,
) -> Result<Option<Bindings>, Unready> {
    let model = queries.model();
    let mut bindings = queries.home(id);
    for parameter in &model.query(id).parameters {
        let Some((_, key)) = asked.iter().find(|(variable, _)| variable == parameter) else {
            return Ok(None);
        };
        let mut found = None;
        let mut failed = None;
        for variable in model.variables.iter().filter(|variable| variable.binding == *parameter) {
            let (records, _) = reads.apart(|own| queries.records(variable, &bindings, own));
            let records = match records {
                Ok(records) => records,
                Err(Unready::Wanted) => return Err(Unready::Wanted),
                // it may range over something of a record that is not named here; another may tell
                Err(Unready::Failed(error)) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            found = found.or(records
                .into_iter()
                .find(|record| *record.key == **key)
                .map(|record| record.binding(variable)));
        }
        let Some(binding) = found else { return failed.map_or(Ok(None), |error| Err(error.into())) };
        bindings = bindings.with(binding);
    }
    Ok(Some(bindings))
}
