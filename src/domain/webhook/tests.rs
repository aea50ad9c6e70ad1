//! Webhooks as given/when/then, and that every command said twice changes nothing the second time.

use chrono::DateTime;

use super::*;
use crate::domain::decider::kit::given;

fn at(hour: i64) -> Timestamp {
    DateTime::from_timestamp(1_700_000_000 + hour * 3_600, 0).expect("in range")
}

fn draft(url: &str) -> Draft {
    Draft {
        url: url.into(),
        description: String::new(),
        events: vec!["memory.*".into()],
        filter: Filter::default(),
        payload: Payload::Full,
        headers: BTreeMap::new(),
        retry: Retry::default(),
        concurrency: None,
        rate_per_s: None,
        ordered: false,
    }
}

fn secret(name: &str, hour: i64) -> Secret {
    Secret { sealed: name.into(), asymmetric: None, created_at: at(hour), expires_at: None }
}

fn hook() -> Webhook {
    Webhook {
        config: draft("https://example.org/hook").validate().expect("valid"),
        secrets: vec![secret("first", 0)],
        disabled: None,
        created_at: at(0),
        updated_at: at(0),
        deleted_at: None,
    }
}

fn registered() -> Event {
    Event::Registered(hook())
}

fn codes(draft: Draft) -> Vec<&'static str> {
    draft.validate().expect_err("must be refused").into_iter().map(|one| one.code).collect()
}

#[test]
fn it_is_registered_once() {
    let register = |active| {
        let (draft, secret) = (draft(" https://example.org/hook "), secret("first", 0));
        Command::Register { draft, secret, active, at: at(0) }
    };
    given::<WebhookDecider>([]).when(register(true)).then([registered()]);
    given::<WebhookDecider>([registered()]).when(register(true)).then_rejected(Rejection::AlreadyExists);
    let off = Webhook { disabled: Some((Reason::Asked, at(0))), ..hook() };
    given::<WebhookDecider>([]).when(register(false)).then([Event::Registered(off)]);
}

#[test]
fn switching_is_idempotent_and_keeps_the_first_reason() {
    let off = Event::Disabled(Webhook { disabled: Some((Reason::Gone, at(1))), updated_at: at(1), ..hook() });
    let disable = |reason| Command::Disable { reason, at: at(1) };
    given::<WebhookDecider>([registered()]).when(disable(Reason::Gone)).then([off.clone()]);
    given::<WebhookDecider>([registered(), off.clone()]).when(disable(Reason::Asked)).then([]);
    let on = Event::Enabled(Webhook { updated_at: at(2), ..hook() });
    given::<WebhookDecider>([registered(), off]).when(Command::Enable { at: at(2) }).then([on]);
    given::<WebhookDecider>([registered()]).when(Command::Enable { at: at(2) }).then([]);
}

#[test]
fn an_old_secret_signs_until_its_overlap_ends_or_it_is_revoked() {
    let old = Secret { expires_at: Some(at(25)), ..secret("first", 0) };
    let both = Webhook { secrets: vec![secret("second", 1), old], updated_at: at(1), ..hook() };
    let rotate = |name, hour, overlap_h| Command::Rotate { secret: secret(name, hour), overlap_h, at: at(hour) };
    let rotated = Event::SecretRotated(both.clone());
    given::<WebhookDecider>([registered()]).when(rotate("second", 1, 24)).then([rotated.clone()]);
    assert!(both.secrets[1].signs_at(at(24)) && !both.secrets[1].signs_at(at(25)));
    let alone = Webhook { secrets: vec![secret("second", 1)], updated_at: at(2), ..hook() };
    let revoked = Event::SecretRevoked(alone);
    given::<WebhookDecider>([rotated.clone()]).when(Command::Revoke { at: at(2) }).then([revoked.clone()]);
    given::<WebhookDecider>([revoked]).when(Command::Revoke { at: at(3) }).then([]);
    let later = Webhook { secrets: vec![secret("third", 30)], updated_at: at(30), ..hook() };
    given::<WebhookDecider>([rotated]).when(rotate("third", 30, 0)).then([Event::SecretRotated(later)]);
}

#[test]
fn a_new_secret_has_a_pair_if_the_one_before_had() {
    let pair = |name: &str, hour| {
        let asymmetric = Some(Asymmetric { sealed: format!("{name} seed"), public: format!("whpk_{name}") });
        Secret { asymmetric, ..secret(name, hour) }
    };
    let rotate = || Command::Rotate { secret: pair("second", 1), overlap_h: 0, at: at(1) };
    let rotated = |newest| Event::SecretRotated(Webhook { secrets: vec![newest], updated_at: at(1), ..hook() });
    given::<WebhookDecider>([registered()]).when(rotate()).then([rotated(secret("second", 1))]);
    let with_pair = Event::Registered(Webhook { secrets: vec![pair("first", 0)], ..hook() });
    given::<WebhookDecider>([with_pair]).when(rotate()).then([rotated(pair("second", 1))]);
}

#[test]
fn update_names_what_changed_and_repeats_to_nothing() {
    let patch = || Patch { events: Some(vec!["*".into()]), ordered: Some(true), ..Patch::default() };
    let config = Config { events: vec!["*".into()], ordered: true, ..hook().config };
    let updated = Event::Updated(Webhook { config, updated_at: at(1), ..hook() }, vec!["events", "ordered"]);
    let update = || Command::Update { patch: patch(), at: at(1) };
    given::<WebhookDecider>([registered()]).when(update()).then([updated.clone()]);
    given::<WebhookDecider>([updated]).when(update()).then([]);
}

#[test]
fn what_is_deleted_keeps_no_secret_and_takes_no_command() {
    let gone = Event::Deleted(Webhook { secrets: vec![], deleted_at: Some(at(1)), updated_at: at(1), ..hook() });
    given::<WebhookDecider>([registered()]).when(Command::Delete { at: at(1) }).then([gone.clone()]);
    given::<WebhookDecider>([gone.clone()]).when(Command::Delete { at: at(2) }).then([]);
    given::<WebhookDecider>([gone]).when(Command::Enable { at: at(2) }).then_rejected(Rejection::Deleted);
    given::<WebhookDecider>([]).when(Command::Delete { at: at(2) }).then_rejected(Rejection::NotFound);
}

#[test]
fn the_rules_of_an_endpoint() {
    for bad in ["", "example.org", "ftp://example.org", "https://a:b@example.org/", "https://example.org/#top"] {
        assert_eq!(codes(draft(bad)), ["webhook.url_invalid"], "{bad}");
    }
    let url = "https://example.org/";
    let header = |name: &str| Draft { headers: BTreeMap::from([(name.into(), "x".into())]), ..draft(url) };
    assert_eq!(codes(header("Webhook-Id")), ["webhook.header_reserved"]);
    assert_eq!(codes(header("a b")), ["webhook.header_invalid"]);
    assert!(header("Authorization").validate().is_ok());
    assert_eq!(codes(Draft { events: vec![], ..draft(url) }), ["webhook.no_events"]);
    assert_eq!(codes(Draft { concurrency: Some(0), rate_per_s: Some(0), ..draft(url) }), ["webhook.out_of_range"; 2]);
    let retry = Retry { max_retries: Some(21), base_delay_s: Some(0.0), timeout_s: Some(31.0) };
    assert_eq!(codes(Draft { retry, ..draft(url) }), ["webhook.out_of_range"; 3]);
}
