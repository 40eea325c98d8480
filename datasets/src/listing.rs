//! JSON documents: a listing of Reddit's API, an array, or `{"data": [...]}` of an archive's API.

use crate::ndjson::{self, Line};
use serde_json::{Map, Value};

/// Walks a document and gives each comment and post in it, in reading order, with the element's
/// text for a report.
///
/// Things with a `kind` (`t1`, `t3`) come from Reddit's API with `raw_json=1`, so their texts are
/// not escaped; bare objects come from an archive's API and are escaped like its dumps. Replies
/// are walked too; `more` and other kinds hold no text and are passed over.
pub fn walk(document: &Value, found: &mut impl FnMut(Line, &Value)) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Object(object) => walk_object(document, object, found),
        _ => found(
            Line::Bad("is neither an object nor an array".into()),
            document,
        ),
    }
}

fn walk_object(value: &Value, object: &Map<String, Value>, found: &mut impl FnMut(Line, &Value)) {
    match (
        object.get("kind").and_then(Value::as_str),
        object.get("data"),
    ) {
        (Some("t1" | "t3"), Some(thing)) => {
            found(line_of(thing, false), thing);
            if let Some(replies @ Value::Object(_)) = thing.get("replies") {
                walk(replies, found);
            }
        }
        (Some("Listing"), Some(data)) => {
            if let Some(children) = data.get("children") {
                walk(children, found);
            }
        }
        (Some(_), Some(_)) => {} // more, t2, t5, ...: no text of a comment or a post
        (None, Some(data @ (Value::Array(_) | Value::Object(_)))) => walk(data, found),
        // A recorded exchange carries the answer as its body: most are no listing (a token, an error
        // page), and those hold nothing to report.
        _ if object.contains_key("request") && object.contains_key("response") => {
            let body = object["response"].get("body").and_then(Value::as_str);
            match body.map(serde_json::from_str::<Value>) {
                Some(Ok(answer @ Value::Array(_))) => walk(&answer, found),
                Some(Ok(answer)) if answer.get("kind").is_some() => walk(&answer, found),
                _ => {}
            }
        }
        _ => found(line_of(value, true), value),
    }
}

fn line_of(thing: &Value, entities: bool) -> Line {
    ndjson::line(thing.to_string().as_bytes(), entities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;

    fn bodies(json: &str) -> Vec<String> {
        let mut out = Vec::new();
        walk(
            &serde_json::from_str(json).unwrap(),
            &mut |line, _| match line {
                Line::Record(Record::Comment(c)) => out.push(c.body),
                Line::Record(Record::Post(p)) => out.push(p.title),
                Line::Bad(reason) => out.push(format!("bad: {reason}")),
                Line::Dropped(_) => {}
            },
        );
        out
    }

    #[test]
    fn a_listing_is_walked_with_its_replies() {
        let json = r#"[{"kind":"Listing","data":{"children":[
              {"kind":"t3","data":{"id":"p1","title":"T"}}]}},
            {"kind":"Listing","data":{"children":[
              {"kind":"t1","data":{"id":"c1","link_id":"t3_p1","parent_id":"t3_p1","body":"a &amp; b",
                "replies":{"kind":"Listing","data":{"children":[
                  {"kind":"t1","data":{"id":"c2","link_id":"t3_p1","parent_id":"t1_c1","body":"c","replies":""}},
                  {"kind":"more","data":{"id":"_","children":[]}}]}}}}]}}]"#;
        assert_eq!(bodies(json), ["T", "a &amp; b", "c"]);
    }

    #[test]
    fn recorded_exchanges_give_their_answers() {
        let json = r#"[{"request":{},"response":{"status":200,"body":"{\"access_token\":\"x\"}"}},
            {"request":{},"response":{"body":"<html>"}},
            {"request":{},"response":{"body":"{\"kind\":\"Listing\",\"data\":{\"children\":[{\"kind\":\"t3\",\"data\":{\"id\":\"p1\",\"title\":\"T\"}}]}}"}}]"#;
        assert_eq!(bodies(json), ["T"]);
    }

    #[test]
    fn an_archives_answer_is_escaped() {
        let json = r#"{"data":[{"id":"c1","link_id":"t3_p1","body":"a &amp; b"},{"id":"c2"}]}"#;
        let got = bodies(json);
        assert_eq!(got[0], "a & b");
        assert!(got[1].starts_with("bad: "));
    }
}
