//! What Asterisk 13 tells of a codec beside its name (`main/codec_builtin.c`).

use crate::parse::value::{Fields, Shapes, Value};

/// Names as later servers print them; the name that `data get` has; samples a second, bytes of the
/// smallest frame, description.
const CODECS: [(&str, &str, i64, i64, &str); 43] = [
    ("g723", "g723", 8000, 20, "G.723.1"),
    ("ulaw", "ulaw", 8000, 80, "G.711 u-law"),
    ("alaw", "alaw", 8000, 80, "G.711 a-law"),
    ("gsm", "gsm", 8000, 33, "GSM"),
    ("g726", "g726", 8000, 40, "G.726 RFC3551"),
    ("g726aal2", "g726aal2", 8000, 40, "G.726 AAL2"),
    ("adpcm", "adpcm", 8000, 40, "Dialogic ADPCM"),
    ("slin", "slin", 8000, 160, "16 bit Signed Linear PCM"),
    ("slin12", "slin", 12_000, 240, "16 bit Signed Linear PCM (12kHz)"),
    ("slin16", "slin", 16_000, 320, "16 bit Signed Linear PCM (16kHz)"),
    ("slin24", "slin", 24_000, 480, "16 bit Signed Linear PCM (24kHz)"),
    ("slin32", "slin", 32_000, 640, "16 bit Signed Linear PCM (32kHz)"),
    ("slin44", "slin", 44_100, 882, "16 bit Signed Linear PCM (44kHz)"),
    ("slin48", "slin", 48_000, 960, "16 bit Signed Linear PCM (48kHz)"),
    ("slin96", "slin", 96_000, 1920, "16 bit Signed Linear PCM (96kHz)"),
    ("slin192", "slin", 192_000, 3840, "16 bit Signed Linear PCM (192kHz)"),
    ("lpc10", "lpc10", 8000, 7, "LPC10"),
    ("g729", "g729", 8000, 10, "G.729A"),
    ("speex", "speex", 8000, 10, "SpeeX"),
    ("speex16", "speex", 16_000, 10, "SpeeX 16khz"),
    ("speex32", "speex", 32_000, 10, "SpeeX 32khz"),
    ("ilbc", "ilbc", 8000, 50, "iLBC"),
    ("g722", "g722", 16_000, 80, "G722"),
    ("siren7", "siren7", 16_000, 80, "ITU G.722.1 (Siren7, licensed from Polycom)"),
    ("siren14", "siren14", 32_000, 120, "ITU G.722.1 Annex C, (Siren14, licensed from Polycom)"),
    ("testlaw", "testlaw", 8000, 80, "G.711 test-law"),
    ("g719", "g719", 48_000, 160, "ITU G.719"),
    ("opus", "opus", 48_000, 10, "Opus Codec"),
    ("jpeg", "jpeg", 0, 0, "JPEG image"),
    ("png", "png", 0, 0, "PNG Image"),
    ("h261", "h261", 1000, 0, "H.261 video"),
    ("h263", "h263", 1000, 0, "H.263 video"),
    ("h263p", "h263p", 1000, 0, "H.263+ video"),
    ("h264", "h264", 1000, 0, "H.264 video"),
    ("mpeg4", "mpeg4", 1000, 0, "MPEG4 video"),
    ("vp8", "vp8", 1000, 0, "VP8 video"),
    ("vp9", "vp9", 1000, 0, "VP9 video"),
    ("red", "red", 0, 0, "T.140 Realtime Text with redundancy"),
    ("t140", "t140", 0, 0, "Passthrough T.140 Realtime Text"),
    ("silk8", "silk", 8000, 160, "SILK Codec (8 KHz)"),
    ("silk12", "silk", 12_000, 240, "SILK Codec (12 KHz)"),
    ("silk16", "silk", 16_000, 320, "SILK Codec (16 KHz)"),
    ("silk24", "silk", 24_000, 480, "SILK Codec (24 KHz)"),
];

/// A codec as `data get` tells of it; of one that is not known there is only its name.
pub fn describe(name: &str, shapes: &mut Shapes) -> Value {
    let known = CODECS.iter().find(|(known, ..)| *known == name);
    let mut fields = Fields::new();
    if let Some((_, _, samples, _, _)) = known {
        fields.push("samplespersecond", Value::Integer(*samples));
    }
    fields.push("name", known.map_or(name, |known| known.1).into());
    if let Some((_, _, _, frame, description)) = known {
        fields.push("frame_length", Value::Integer(*frame));
        fields.push("description", (*description).into());
    }
    fields.finish(shapes)
}
