//! What a file contains.

use std::sync::Arc;

use bytes::Bytes;

use super::encoding;
use super::error::Step;
use super::lookup::Tree;
use super::node::Node;
use crate::language::print;
use crate::language::{Content, Entry, Printed, QueryId, TemplateName, from_template};
use crate::parse::text;
use crate::query::{Bindings, QueryError, Reads, Scope, Unready, Used};

/// A file's content or a link's target, and the answers it was computed from.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The bytes.
    pub bytes: Bytes,
    /// While these answers stay as they are, the bytes do.
    pub used: Arc<Used>,
}

impl Tree {
    pub(super) fn render(&self, node: &Node, bindings: &Bindings, reads: &Reads) -> Result<Bytes, Step> {
        let model = self.queries().model();
        if let Some(status) = self.layout().place(node.place).status {
            return self.render_status(status, reads);
        }
        let Some(entry) = self.layout().place(node.place).entry(model) else { return Ok(Bytes::new()) };
        let bytes = self.render_entry(entry, bindings, reads)?;
        Ok(entry.encoding.map_or_else(|| bytes.clone(), |set| encoding::encode(&bytes, set)))
    }

    /// What an entry shows for these records, or where its link leads; nothing for what is alive.
    ///
    /// # Errors
    /// [`Step::Wanted`] if something has to be asked first; it is noted in `reads`. Otherwise, why it
    /// cannot be shown.
    pub fn render_entry(&self, entry: &Entry, bindings: &Bindings, reads: &Reads) -> Result<Bytes, Step> {
        let place = || entry.place.text().to_owned();
        match &entry.content {
            // what is alive has its bytes where it is served
            Content::Directory | Content::LastAnswer | Content::Events(_) => Ok(Bytes::new()),
            Content::Text(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            Content::Link(template) => self.template(&place(), template, None, bindings, reads),
            Content::Template { template, result } => {
                self.template(&place(), template, *result, bindings, reads)
            }
            Content::Raw(query) => Ok(self.queries().raw(*query, bindings, reads)?),
            Content::Printed { value, format } => {
                let value = match value {
                    Printed::Query(query) => self.queries().read(*query, bindings, reads)?.value.clone(),
                    Printed::Expression(expression) => {
                        let scope = Scope::new(self.queries(), bindings, reads);
                        let value = self.queries().evaluate(&place(), expression, &scope, reads)?;
                        if value.is_undefined() {
                            let message = format!("`{}` is not defined", expression.text);
                            return Err(Unready::from(QueryError::Template {
                                place: place().into(),
                                message,
                            })
                            .into());
                        }
                        from_template(&value)
                    }
                };
                let printed = print::print(&value, *format);
                let printed =
                    printed.map_err(|message| QueryError::Template { place: place().into(), message });
                Ok(exactly(&printed.map_err(Unready::from)?))
            }
        }
    }

    fn template(
        &self,
        place: &str,
        template: &TemplateName,
        result: Option<QueryId>,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Bytes, Step> {
        let mut scope = Scope::new(self.queries(), bindings, reads);
        if let Some(query) = result {
            let view = self.queries().view(query, bindings, reads)?;
            scope = scope.with("result", view.template_value(reads));
        }
        let rendered = self.queries().model().templates.render(template, scope.context());
        let rendered = rendered.map_err(|error| self.queries().template_error(place, &error, reads))?;
        Ok(exactly(&rendered))
    }
}

/// A text as the bytes that are kept of it: not one more than there are, since tens of thousands are.
fn exactly(rendered: &str) -> Bytes {
    Bytes::copy_from_slice(&text::encode(rendered))
}
