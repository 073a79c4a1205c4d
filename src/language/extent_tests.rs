use minijinja::context;

use super::*;
use crate::language::templates::{Templates, TextKind, error_text};
use crate::language::to_template;

/// What a template prints with two lists of 1,000 texts that are the same, or the text of its error.
fn rendered(template: &str) -> Result<String, String> {
    rendered_within(4_000_000, template)
}

fn rendered_within(steps: u64, template: &str) -> Result<String, String> {
    let list = || crate::parse::value::Value::List(vec!["x".into(); 1_000].into());
    let (long, other) = (to_template(&list()), to_template(&list()));
    let mut templates = Templates::default();
    templates.set_steps(steps);
    let name = templates.add("t", TextKind::Content, template).unwrap();
    templates.render(&name, context! { long, other }).map_err(|error| error_text(&error))
}

/// The error of a template that would go on for years, or take all memory there is.
fn stopped(template: &str) -> String {
    rendered_within(100_000, template).unwrap_err()
}

fn assert_stopped(template: &str) {
    let error = stopped(template);
    assert!(error.starts_with("the template takes too many steps and was stopped"), "{template}: {error}");
}

/// `ns.x = …` in a loop of so many rounds.
fn again(rounds: usize, value: &str) -> String {
    format!(
        "{{% set ns = namespace(x=[1]) %}}{{% for i in range({rounds}) %}}{{% set ns.x = {value} %}}{{% endfor %}}"
    )
}

#[test]
fn a_list_that_is_nested_over_and_over_is_refused() {
    for value in [
        "[ns.x]",
        "{'a': ns.x}",
        "(ns.x, 1)",
        "ns.x|batch(1)",
        "[ns.x] + [[ns.x]]",
        "ns.x + [ns.x]",
        "dict(a=ns.x)",
        "[ns.x|list]|map('list')|list",
        "namespace(a=[ns.x]).a",
    ] {
        let error = rendered(&again(100_000, value)).unwrap_err();
        assert!(error.contains("nested more than 64 deep: give them names"), "{value}: {error}");
    }
    let error = rendered(&"{% set a = [a|default(1)] %}".repeat(100)).unwrap_err();
    assert!(error.contains("nested more than 64 deep"), "{error}");
    let deep = "{% macro m(a) %}{{ m([[a]]) }}{% endmacro %}{{ m(1) }}";
    assert!(rendered(deep).unwrap_err().contains("nested more than 64 deep"));
    let deep = format!(
        "{}{}",
        "{% for a in [[[1]]] %}{% with b = [a] %}".repeat(20),
        "{% endwith %}{% endfor %}".repeat(20)
    );
    assert!(rendered(&deep).is_ok());
    let deep = "{% for a in [1] recursive %}{{ loop([[a]]) }}{% endfor %}";
    assert!(rendered(deep).is_err());
}

#[test]
fn a_namespace_cannot_hold_itself() {
    for value in ["ns", "[ns]", "{'a': [ns]}", "ns.x + [ns]", "loop", "[m]"] {
        let template = format!("{{% macro m() %}}{{% endmacro %}}{}{{{{ ns }}}}", again(1, value));
        let error = rendered(&template).unwrap_err();
        assert!(error.contains("and no namespace, macro or loop"), "{value}: {error}");
    }
    assert_eq!(rendered("{% set a = namespace(b=namespace(c=1)) %}{{ a.b.c }}").unwrap(), "1");
}

#[test]
fn lists_that_grow_without_being_printed_are_stopped() {
    for value in [
        "ns.x + ns.x",
        "ns.x * 2",
        "ns.x|chain(ns.x)",
        "ns.x ~ ns.x",
        "ns.x|join|list + ns.x",
        "ns.x * 100000000000",
        "[ns.x, ns.x]|map('list')|list|first + ns.x",
        "dict(a=ns.x + ns.x).a",
    ] {
        let error = stopped(&again(100, value));
        let told = error.starts_with("the template takes too many steps") || error.contains("too large");
        assert!(told, "{value}: {error}");
    }
    assert_stopped("{{ ([1] * 100000000 + [1])|length }}{% set a = [1] * 100000000 %}");
    assert_stopped(&format!("{{% set a = [1] * 100000000 %}}{{{{ a{} }}}}", " + a".repeat(40)));
    stopped(
        "{% set a = 'a' * 100000000 %}{% set a = a ~ a %}{% set a = a ~ a %}{% set a = a ~ a %}{% set a = a ~ a %}",
    );
}

#[test]
fn what_goes_through_a_list_that_holds_another_over_and_over_is_stopped() {
    let twice = "{% set a = [[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000 %}";
    for shown in [
        "[[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000 == [[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000",
        "[[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000 ~ ''",
        "{[[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000: 1}",
        "{}[[[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000]",
        "1 in [[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000",
        "([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000)|join",
        "([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000)|unique",
        "([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000)|map('string')|list",
        "([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000) is eq 1",
        "'%s'|format([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000)",
        "debug([[[[[[1]*1000]*1000]*1000]*1000]*1000]*1000)",
    ] {
        assert_stopped(&format!("{{{{ {shown} }}}}"));
    }
    assert_stopped(twice);
}

#[test]
fn each_time_that_records_are_gone_through_is_paid_for() {
    for shown in ["long == other", "long ~ ''", "'y' in long", "long[999:]|list", "long|join|length"] {
        let many = "{% for i in range(100000) %}{% for j in range(1000) %}{% if SHOWN %}{% endif %}{% endfor %}{% endfor %}";
        assert_stopped(&many.replace("SHOWN", shown));
    }
    assert_eq!(
        rendered("{{ long == other }} {{ 'x' in long }} {{ (long[998:])|length }}").unwrap(),
        "True True 2"
    );
}

#[test]
fn items_are_added_to_a_list_as_often_as_there_are_records() {
    let added = again(100_000, "ns.x + [i, {'a': i}]");
    assert_eq!(
        rendered(&format!("{added}{{{{ ns.x|length }}}} {{{{ ns.x|last }}}}")).unwrap(),
        "200001 {'a': 99999}"
    );
    let both =
        "{% set a = [1] + [2] %}{% set b = a + [3] %}{% set c = a + [4] %}{{ a }}{{ b }}{{ c }}{{ b + c }}";
    assert_eq!(rendered(both).unwrap(), "[1, 2][1, 2, 3][1, 2, 4][1, 2, 3, 1, 2, 4]");
    let itself = "{% set a = [1] + [2] %}{% set a = a + [a] %}{% set a = a + [a] %}{{ a }}";
    assert_eq!(rendered(itself).unwrap(), "[1, 2, [1, 2], [1, 2, [1, 2]]]");
    let error = rendered("{% set a = 1 %}{{ a + [2] }}").unwrap_err();
    assert_eq!(
        error,
        "invalid operation: tried to use + operator on unsupported types number and sequence (t, line 1)"
    );
    assert!(rendered("{{ nothing + [2] }}").is_err() && rendered("{{ (1, 2) + [2] }}").is_err());
}

#[test]
fn a_sum_is_one_of_numbers() {
    assert_eq!(rendered("{{ [1, 2.5]|sum }} {{ [{'a': 2}]|sum(attribute='a', start=1) }}").unwrap(), "3.5 3");
    for start in ["''", "[]"] {
        let error = rendered(&format!("{{{{ [[1]]|sum(start={start}) }}}}")).unwrap_err();
        assert!(error.contains("texts are joined with `join`, lists with `chain`"), "{error}");
    }
}

#[test]
fn what_is_kept_is_the_same_as_before() {
    for (template, printed) in [
        ("{% set a, b = (1, 2) %}{{ a }}{{ b }}{% set t = (1, [2]) %}{{ t }}", "12(1, [2])"),
        (
            "{% set a = range(3) %}{{ a }}{{ a[1:] }}{{ a|reverse }}{{ a[::-1]|list }}",
            "[0, 1, 2][1, 2][2, 1, 0][2, 1, 0]",
        ),
        ("{% set a = {'b': range(2), 1: [2]} %}{{ a.b }}{{ a[1] }}{{ a }}", "[0, 1][2]{'b': [0, 1], 1: [2]}"),
        ("{% set a = long[:2] %}{{ a }}{{ long|length }}", "['x', 'x']1000"),
        ("{% set a = 'é' * 3 %}{{ a[1:] ~ a }}", "ééééé"),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m([1]) ~ m('x' | safe) }}", "[1]x"),
        ("{% set a = none %}{{ a }}{{ x is defined }}{{ x|default(1) }}", "False1"),
        ("{% set a = m if false %}[{{ a }}]", "[]"),
    ] {
        assert_eq!(rendered(template).unwrap(), printed, "{template}");
    }
}

#[test]
fn the_deepest_values_fit_on_a_small_stack() {
    let deepest = again(DEEPEST - 1, "[ns.x]").replace("[1]", "[[1]|map('string')|list]");
    let nested = format!("{}ns.x{}", "[".repeat(60), "]".repeat(60));
    let shown = format!(
        "{deepest}{{% set y = ns.x %}}{{{{ {nested} }}}}{{{{ {nested} == {nested} }}}}{{{{ {nested}|tojson }}}}\
         {{{{ {nested}|table }}}}{{{{ debug({nested}) }}}}{{{{ ({nested}|unique)|length }}}}"
    );
    let small = std::thread::Builder::new().stack_size(2 << 20).spawn(move || rendered(&shown)).unwrap();
    assert!(small.join().is_ok());
}
