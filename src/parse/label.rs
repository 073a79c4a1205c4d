//! Labels that the CLI prints, as field names.

use super::text;

/// A label in lower snake case: letters and digits are kept, in lower case, and whatever stands
/// between them becomes one underscore. `Addr->IP` is `addr_ip`, `T.38 support` is `t_38_support`,
/// `* Name` is `name`. Letters joined in one word stay joined: `MaxCallBR` is `maxcallbr`. A percent
/// sign reads `percent`. A label without any of these gives the empty name.
///
/// A name may begin with a digit (`802.1p CoS SIP` is `802_1p_cos_sip`).
pub fn field_name(label: &[u8]) -> String {
    let mut name = String::with_capacity(label.len());
    let mut apart = false;
    for character in text::decode(label).chars() {
        let percent = character == '%';
        if !percent && !character.is_alphanumeric() {
            apart = true;
            continue;
        }
        if !name.is_empty() && (apart || percent) {
            name.push('_');
        }
        apart = percent;
        if percent {
            name.push_str("percent");
        } else {
            name.extend(character.to_lowercase());
        }
    }
    name
}

/// [`field_name`], or `column_N` for a column whose label has no letters; columns count from 1.
pub(super) fn column_name(label: &[u8], index: usize) -> String {
    let name = field_name(label);
    if name.is_empty() { format!("column_{}", index + 1) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_lower_snake_case() {
        let cases = [
            ("Name/username", "name_username"),
            ("Addr->IP", "addr_ip"),
            ("T.38 support", "t_38_support"),
            ("* Name", "name"),
            ("Def. Username", "def_username"),
            ("Reg. Contact", "reg_contact"),
            ("MaxCallBR", "maxcallbr"),
            ("User=Phone", "user_phone"),
            ("Application(Data)", "application_data"),
            ("Retries %", "retries_percent"),
            ("%done", "percent_done"),
            ("(     %)", "percent"),
            ("Имя", "имя"),
            ("->", ""),
        ];
        for (label, name) in cases {
            assert_eq!(field_name(label.as_bytes()), name, "{label}");
        }
    }

    #[test]
    fn a_column_without_letters_is_named_after_its_place() {
        assert_eq!(column_name(b"--", 2), "column_3");
        assert_eq!(column_name(b"ID", 2), "id");
    }
}
