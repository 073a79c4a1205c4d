use super::*;

/// The template without what was put into it, and with it in marks that are shorter: `‹` is what is kept, `‡` what is
/// counted.
fn marked(text: &str) -> String {
    let metered = template(text);
    assert_eq!(metered.lines().count(), text.lines().count());
    [("|_kept", "‹"), ("|_held", "«"), ("|_counted", "‡"), ("|_with_items", "+")]
        .iter()
        .fold(metered, |text, (filter, mark)| text.replace(filter, mark))
}

#[test]
fn what_an_operator_goes_through_is_counted_before() {
    for (text, expected) in [
        ("{{ a == b }}", "{{ a‡ == b‡ }}"),
        ("{{ a == 'x' }}{{ 1 < a.b }}", "{{ a == 'x' }}{{ 1 < a.b }}"),
        ("{{ a.b[0]|first!=c }}", "{{ a.b[0]|first‡!=c‡ }}"),
        ("{{ a in b and 'c' not in d }}", "{{ a‡ in b‡ and 'c' not in d‡ }}"),
        ("{{ a ~ 'x' ~ b }}", "{{ a‡ ~ 'x' ~ b‡ }}"),
        ("{{ a + 1 - b * c }}", "{{ a + 1 - b * c }}"),
        ("{{ a + b }}", "{{ a‡ + b‡ }}"),
        ("{{ a * 2 == 2 * b }}", "{{ (a * 2)‡ == (2 * b)‡ }}"),
        ("{{ not -a - b in c }}", "{{ not (-a - b)‡ in c‡ }}"),
        ("{{ a + b ~ c * 2 < d }}", "{{ (a‡ + (b‡ ~ (c * 2)‡)‡)‡ < d‡ }}"),
        ("{{ a[b * c] ~ a[-1] }}", "{{ a[(b * c)‡]‡ ~ a[-1]‡ }}"),
        ("{{ f(a * 2, *b, c=not d, **e) }}", "{{ f((a * 2)‹, *b‹, c=not d‹, **e‹) }}"),
        ("{{ f(a if b else c)|join(a + [b]) }}", "{{ f((a if b else c)‹)‡|join((a+(  [b]))‡) }}"),
        ("{{ a >= b if c else d <= e }}", "{{ a‡ >= b‡ if c else d‡ <= e‡ }}"),
        ("{{ -a == (b ~ c) }}", "{{ -a‡ == (b‡ ~ c‡)‡ }}"),
        ("{{ a[b] }}{{ a['x'] }}{{ {a: b} }}", "{{ a[b‡] }}{{ a['x'] }}{{ {a‡: b} }}"),
        ("{{ {'a': {}} == b }}", "{{ {'a': {}}‡ == b‡ }}"),
        ("{{ 1.5e-3 < a and a.0.1 == b }}", "{{ 1.5e-3 < a and a.0.1‡ == b‡ }}"),
        ("{{ 1in(a)[1:] }}", "{{ 1in((a)‹)[1:]‡ }}"),
        ("{% if a == b -%}{%- endif %}", "{% if a‡ == b‡ -%}{%- endif %}"),
        ("{{ 'a' 'b' == c }}", "{{ 'a' 'b' == c }}"),
        ("{% include a ~ b ignore missing %}", "{% include a‡ ~ b‡ ignore missing %}"),
    ] {
        assert_eq!(marked(text), expected);
    }
    assert_eq!(expression("a == b"), "a|_counted == b|_counted");
}

#[test]
fn what_is_kept_in_a_variable_is_paid_for() {
    for (text, expected) in [
        ("{% set a = 1 %}{% set a = b %}", "{% set a = 1 %}{% set a = (b)‹ %}"),
        ("{%- set a, b = c, [d] -%}", "{%- set a, b = (c, [d])‹ -%}"),
        ("{% set a.b = a.b ~ c %}", "{% set a.b = (a.b‡ ~ c‡)« %}"),
        ("{% set a.b = a.b + [c] %}", "{% set a.b = (a.b+(  [c]))« %}"),
        ("{% set a %}b{% endset %}", "{% set a %}b{% endset %}"),
        ("{% set a | upper %}b{% endset %}", "{% set a‡ | upper %}b{% endset %}"),
        ("{% with a = b, c = d if e else [f, g] %}", "{% with a = (b)‹, c = (d if e else [f, g])‹ %}"),
        ("{% for a in b if a == c recursive %}", "{% for a in (b)‹ if a‡ == c‡ recursive %}"),
        ("{% for a, (b, c) in d|items %}", "{% for a, (b, c) in (d‹|items)‹ %}"),
        (
            "{% for a in range(9) %}{% for a in range(b)|list %}",
            "{% for a in range(9) %}{% for a in (range(b‹)|list)‹ %}",
        ),
        ("{{ m(a, [b], c=d|upper) }}", "{{ m(a‹, [b]‹, c=d‡|upper‹) }}"),
        ("{% macro m(a, b=c) %}{% endmacro %}", "{% macro m(a, b=c) %}{% endmacro %}"),
        ("{% call(a, b) m(c) %}{% endcall %}", "{% call(a, b) m(c‹) %}{% endcall %}"),
        ("{{ loop(a) }}", "{{ loop(a‹) }}"),
    ] {
        assert_eq!(marked(text), expected);
    }
}

#[test]
fn what_a_filter_a_test_or_a_slice_goes_through_is_paid_for() {
    for (text, expected) in [
        ("{{ a|upper|length }}", "{{ a‡|upper|length }}"),
        ("{{ a|map('join', b)|table }}", "{{ a‹|map('join', b‡)|table }}"),
        ("{{ 'x'|replace('x', a) }}", "{{ 'x'|replace('x', a‡) }}"),
        ("{{ a is eq b }}{{ a is defined }}", "{{ a‡ is eq b }}{{ a is defined }}"),
        ("{{ a is not in([b]) and c }}", "{{ a‡ is not in([b]‡) and c }}"),
        ("{{ a[1:2][b:] }}", "{{ ((a‹)[1:2]‹)[b‡:] }}"),
        ("{{ a.b[{'x': 1}] }}", "{{ a.b[{'x': 1}‡] }}"),
        ("{% filter upper|title %}x{% endfilter %}", "{% filter upper‡|title %}x{% endfilter %}"),
    ] {
        assert_eq!(marked(text), expected);
    }
}

#[test]
fn text_comments_and_raw_blocks_stay_as_they_are() {
    for text in [
        "a == b {# {{ a == b }} #}",
        "{% raw %}{{ a == b }}{% endraw %}",
        "{% raw -%}{% endrawx %}{{ a == b }}{%- endraw +%}",
        "{{ 'a == b }}' }}",
    ] {
        assert_eq!(template(text), text);
    }
}
