//! How a verb finds the server that it asks. What is not said stands in credentials.json of the data folder, so no file of settings is read.

use super::setting::{CLIENTS, Fallback, Secrecy, Setting};

pub static URL: Setting = Setting {
    name: "client.url",
    in_file: false,
    variables: &["BRAIN_URL"],
    flag: Some("url"),
    fallback: Fallback::Absent("credentials.json of the data folder"),
    readers: CLIENTS,
    about: "Address of the server, for instance http://127.0.0.1:7700",
    ..Setting::BASE
};

pub static KEY: Setting = Setting {
    name: "client.key",
    in_file: false,
    variables: &["BRAIN_API_KEY"],
    flag: Some("key"),
    fallback: Fallback::Absent("credentials.json of the data folder"),
    readers: CLIENTS,
    secrecy: Secrecy::Whole,
    about: "API key",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 2] = [&URL, &KEY];
