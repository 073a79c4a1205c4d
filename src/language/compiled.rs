//! Expressions, compiled once and kept.
//!
//! An expression borrows from the environment it was compiled in, so both are kept together.

#![allow(unsafe_code, reason = "self_cell writes what keeps both together, and proves it sound")]

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use minijinja::{Environment, Error, Value};
use self_cell::self_cell;

use super::metered;

self_cell!(
    struct Compiled {
        owner: Arc<Environment<'static>>,
        #[not_covariant]
        dependent: Owned,
    }
);

type Owned<'a> = minijinja::Expression<'a, 'static>;

/// An expression that can be evaluated.
#[derive(Clone)]
pub struct CompiledExpression(Arc<Compiled>);

impl CompiledExpression {
    /// Evaluates it in `scope`.
    pub fn evaluate(&self, scope: Value) -> Result<Value, Error> {
        self.0.with_dependent(|_, expression| expression.eval(scope))
    }
}

/// The expressions compiled so far, by their texts.
#[derive(Default)]
pub struct CompiledExpressions {
    environment: OnceLock<Arc<Environment<'static>>>,
    compiled: RwLock<HashMap<String, CompiledExpression>>,
}

impl std::fmt::Debug for CompiledExpressions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CompiledExpressions")
    }
}

impl CompiledExpressions {
    /// The expression of that text; `environment` has to be the same each time.
    pub fn get(&self, environment: &Environment<'static>, text: &str) -> Result<CompiledExpression, Error> {
        if let Some(known) = self.compiled.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return Ok(known.clone());
        }
        let own = Arc::clone(self.environment.get_or_init(|| Arc::new(environment.clone())));
        let compiled = Compiled::try_new(own, |own| own.compile_expression_owned(metered::expression(text)))?;
        let compiled = CompiledExpression(Arc::new(compiled));
        let mut all = self.compiled.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(text.to_owned(), compiled.clone());
        Ok(compiled)
    }
}
