//! From a thread without async, and the sandbox controlled over HTTP.

use super::*;

#[test]
fn blocking_thread_can_use_the_client_with_a_small_runtime() {
    let pair = pair();
    let (_, parent) = pair.post_and_comment();
    let client = pair.client.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        assert_eq!(runtime.block_on(client.me()).expect("me").name, ACCOUNT);
        let prepared = runtime
            .block_on(client.prepare(&parent, "x"))
            .expect("ready");
        assert_eq!(runtime.block_on(prepared.send()).sent.class(), 4);
    })
    .join()
    .expect("the thread ends well");
}

#[tokio::test]
async fn sandbox_is_controlled_over_http() {
    let pair = pair();
    let base = pair.fake.base().to_owned();
    let ask = async |method: &'static str, path: &str, body: &str| {
        let (status, _, body) =
            browsing(method, format!("{base}/__fake/{path}"), body.to_owned()).await;
        let json: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        (status, json)
    };
    let rules = r#"[{"on": "comment", "fault": {"kind": "drop-after"}, "times": 1}]"#;
    assert_eq!(ask("POST", "rules", rules).await.0, 200);
    let (_, made) = ask("POST", "thread", r#"{"subreddit": "Made", "comments": 40}"#).await;
    let post = made["name"].as_str().expect("a name").to_owned();
    assert_eq!(pair.send(&post).await.class(), 5);
    assert_eq!(ask("GET", "check", "").await.0, 200);
    assert_eq!(pair.send(&post).await.class(), 4);
    let (status, check) = ask("GET", "check", "").await;
    assert_eq!(status, 409);
    assert_eq!(
        check["duplicates"][0]["names"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(
        ask("POST", "knobs", r#"{"token_lives_s": 90}"#).await.0,
        200
    );
    assert_eq!(pair.fake.world().knobs.token_lives_s, 90);
    for (path, body) in [
        ("rules", "{}"),
        ("rules", "nonsense"),
        ("knobs", r#"{"token_lives": 90}"#),
        ("comment", r#"{"parent": "t1_none", "body": "x"}"#),
        ("set", r#"{"name": "t1_none"}"#),
    ] {
        let (status, json) = ask("POST", path, body).await;
        assert_eq!(status, 400, "{path} {body}");
        assert!(json["error"].is_string());
    }
    let (_, state) = ask("GET", "state", "").await;
    assert_eq!(state["posted"], 2);
    assert!(
        ask("GET", "seen", "")
            .await
            .1
            .as_array()
            .is_some_and(|seen| seen.len() > 2)
    );
    let body = format!(r#"{{"name": "{post}", "locked": true}}"#);
    assert_eq!(ask("POST", "set", &body).await.0, 200);
    assert_eq!(pair.send(&post).await.class(), 3);
}
