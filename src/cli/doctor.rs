//! `doctor`: words for what was found, and what to do. Exit 0 where nothing is wrong, 1 where something does not work.

use serde::Serialize;

use crate::doctor::{self, Finding, Severity};

use super::start::{self, Place};
use super::terminal::Terminal;
use super::{Exit, Language};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Ask only the running `serve` on this machine (/healthz and /readyz): for a container's health check
    #[arg(long)]
    running: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    check: &'a str,
    status: &'a str,
    what: &'a str,
    #[serde(rename = "do")]
    advice: Option<&'a str>,
}

/// What happened, and what to do about it.
struct Words(String, Option<String>);

pub(super) async fn run(arguments: &Arguments, place: &Place, terminal: &Terminal) -> anyhow::Result<Exit> {
    let config = place.config()?;
    let findings = if arguments.running {
        doctor::running(&config).await
    } else {
        doctor::examine(&config, start::outside().clock).await
    };
    for finding in &findings {
        let Words(what, advice) = match terminal.language {
            Language::Ja => ja(finding),
            Language::En => en(finding),
        };
        let severity = finding.severity();
        if arguments.json {
            let line = Line {
                check: finding.check(),
                status: status(severity),
                what: &what,
                advice: advice.as_deref(),
            };
            terminal.say(&serde_json::to_string(&line)?);
            continue;
        }
        terminal.say(&format!("{} {what}", mark(severity, terminal)));
        if let Some(advice) = advice {
            terminal.say(&format!("     → {advice}"));
        }
    }
    let faults = findings.iter().filter(|it| it.severity() == Severity::Fault).count();
    if !arguments.json {
        terminal.say(&match (faults, terminal.language) {
            (0, Language::Ja) => "動かないところはありません。".to_owned(),
            (0, Language::En) => "nothing is wrong.".to_owned(),
            (_, Language::Ja) => {
                format!("{faults}か所、直す必要があります。上の「→」の順にお試しください。")
            }
            (1, Language::En) => "1 thing has to be mended; see the arrow above.".to_owned(),
            (_, Language::En) => format!("{faults} things have to be mended; see the arrows above."),
        });
    }
    Ok(if faults == 0 { Exit::Done } else { Exit::No })
}

fn status(severity: Severity) -> &'static str {
    match severity {
        Severity::Fine => "ok",
        Severity::Notice => "notice",
        Severity::Fault => "fault",
    }
}

fn mark(severity: Severity, terminal: &Terminal) -> &'static str {
    match severity {
        Severity::Fine => terminal.words("[良好]", "[ok]    "),
        Severity::Notice => terminal.words("[注意]", "[notice]"),
        Severity::Fault => terminal.words("[故障]", "[fault] "),
    }
}

fn fine(what: impl Into<String>) -> Words {
    Words(what.into(), None)
}

fn todo(what: impl Into<String>, advice: impl Into<String>) -> Words {
    Words(what.into(), Some(advice.into()))
}

fn en(finding: &Finding) -> Words {
    match finding {
        Finding::TokenMissing => todo(
            "no API token is configured",
            "Chatwork → your name → サービス連携 → API Token; save it in a file and name it as api_token_file in [chatwork]",
        ),
        Finding::TokenGood => fine("Chatwork accepts the API token"),
        Finding::TokenRefused => todo(
            "Chatwork does not accept the API token",
            "copy it again from サービス連携 → API Token: the whole line, nothing else",
        ),
        Finding::TokenLooksLikeWebhook => todo(
            "what is configured as the API token is a webhook's token",
            "api_token_file takes the token of サービス連携 → API Token; the other one belongs into webhook_token_files",
        ),
        Finding::PlatformUnreachable => todo(
            "Chatwork cannot be reached",
            "look at the network of this machine and at api_base in [chatwork]",
        ),
        Finding::PlatformBusy => {
            todo("Chatwork's rate limit is used up for the moment", "run doctor again in five minutes")
        }
        Finding::RoomsLeftOut(n) => fine(format!("{n} more rooms were not looked at in this run")),
        Finding::NoRooms => {
            todo("no room is listed: nothing is read", "add a [[room]] with its id to karibarai.toml")
        }
        Finding::RoomGood(room) => fine(format!("room {room} can be read")),
        Finding::RoomAbsent(room) => todo(
            format!("the token's account is not in room {room}"),
            "the id is the number after #!rid in the address of the chat; invite the account, or correct the id",
        ),
        Finding::RoomReadOnly(room) => todo(
            format!("in room {room} the account may read but not write, so no reminder can be posted"),
            "ask for the right to write, or set reply.mode = \"observe\" for this room",
        ),
        Finding::ClientsAbsent(room, n) => todo(
            format!("{n} of the clients of room {room} are not among its members"),
            "compare `clients` of this [[room]] with the account ids in the room: only theirs are answered",
        ),
        Finding::ClockGood => fine("the clock agrees with Chatwork's"),
        Finding::ClockOff(seconds) => todo(
            format!("the clock is off by {seconds} seconds from Chatwork's"),
            "switch on the time synchronisation of this machine: dates in the record depend on it",
        ),
        Finding::PollingAlone => fine("no public address: rooms are read by the API alone"),
        Finding::WebhookTokenMissing => todo(
            "public_url is set, but no webhook token: every delivery is refused",
            "save the token of the webhook's edit page in a file and name it in webhook_token_files",
        ),
        Finding::WebhookReached => fine("the public address leads to this program"),
        Finding::WebhookUnreachable => todo(
            "nothing answers at public_url",
            "is `karibarai serve` running, the proxy up, the name right, port 443 open? See deploy/Caddyfile",
        ),
        Finding::WebhookForeign(status) => todo(
            format!("something else answers at public_url (status {status} instead of 401)"),
            "the proxy must hand /webhook on to [server] listen, unchanged and without a redirect",
        ),
        Finding::WebhookSilent(room, n) => todo(
            format!("room {room}: the last {n} new messages came by reading alone, not by the webhook"),
            "Chatwork may have switched it off (無効): サービス連携 → Webhook → edit → 有効. Is its token configured, and is it of this room?",
        ),
        Finding::Listening => fine("`serve` is running and listens"),
        Finding::PortFree => fine("the port for webhooks is free (`serve` is not running)"),
        Finding::PortTaken(port) => todo(
            format!("another program holds port {port}"),
            "end it, or choose another port in [server] listen and in the proxy",
        ),
        Finding::FolderGood => fine("the data folder can be written and is private"),
        Finding::FolderWritable => fine("the data folder can be written; keep it inside your own profile"),
        Finding::FolderMissing => fine("there is no data folder yet; the first `karibarai serve` makes it"),
        Finding::FolderReadOnly => todo(
            "the data folder cannot be written",
            "give it to the account that runs karibarai, or choose another in [storage] data_dir",
        ),
        Finding::FilesOpen(n) => todo(
            format!("{n} private files can be read by others on this machine"),
            "chmod 600 for karibarai.db and keys/*",
        ),
        Finding::DiskGood(mib) => fine(format!("{mib} MiB are free on the disk")),
        Finding::DiskLow(mib) => {
            todo(format!("only {mib} MiB are free on the disk"), "make room soon: stored files grow")
        }
        Finding::DiskFull(mib) => todo(
            format!("only {mib} MiB are free on the disk"),
            "make room now: without it deliveries are answered 503",
        ),
        Finding::ServeReady => fine("`serve` says that it is ready"),
        Finding::ServeNotReady(word) => todo(
            format!("`serve` says that it is not ready: {word}"),
            "docs/operations.md says what each word means; the log of `serve` says more",
        ),
        Finding::ServeSilent => todo(
            "`serve` does not answer",
            "start it; [server] listen and review_listen say where it is looked for",
        ),
        Finding::ServeTroubled(trouble) => todo(
            format!("`serve` is in trouble: {}", trouble.as_str()),
            "the overview and the note in the control room say what to do",
        ),
        Finding::NoRecordYet => fine("there is no record yet"),
        Finding::RecordGood(n) => fine(format!("the record is intact ({n} entries)")),
        Finding::RecordDamaged => todo(
            "the record is not as it was made",
            "`karibarai verify` names the places; copy the whole folder before anything else",
        ),
        Finding::RecordUnreadable => {
            todo("the record cannot be read", "`karibarai verify` says why; keep a copy of the folder")
        }
        Finding::AnchorGood(days) => fine(format!("the newest time stamp from outside is {days} days old")),
        Finding::AnchorStale(days) => todo(
            format!("the newest time stamp from outside is {days} days old"),
            "can the authorities in [anchor] be reached? `karibarai checkpoint` asks them now",
        ),
        Finding::AnchorNone => todo(
            "nothing outside confirms the record",
            "name a time-stamp authority in [anchor] authorities, or keep checkpoints/latest.note in your mail",
        ),
    }
}

fn ja(finding: &Finding) -> Words {
    match finding {
        Finding::TokenMissing => todo(
            "APIトークンが設定されていません",
            "Chatworkの「サービス連携 → API Token」の内容をファイルに保存し、[chatwork] の api_token_file に書いてください",
        ),
        Finding::TokenGood => fine("APIトークンはChatworkで使えます"),
        Finding::TokenRefused => todo(
            "ChatworkがAPIトークンを受け付けません",
            "「サービス連携 → API Token」から、1行全体をコピーし直してください",
        ),
        Finding::TokenLooksLikeWebhook => todo(
            "APIトークンの場所に、Webhookのトークンが入っています",
            "api_token_file には「API Token」の内容を、Webhookのトークンは webhook_token_files に書いてください",
        ),
        Finding::PlatformUnreachable => todo(
            "Chatworkに接続できません",
            "このパソコンのネットワークと、[chatwork] の api_base をお確かめください",
        ),
        Finding::PlatformBusy => {
            todo("Chatworkの利用回数の上限に達しています", "5分ほどおいて、もう一度 doctor をお試しください")
        }
        Finding::RoomsLeftOut(n) => fine(format!("ほかの{n}ルームは、今回は調べていません")),
        Finding::NoRooms => todo(
            "ルームが登録されていないため、何も読み取りません",
            "karibarai.toml に [[room]] と id を書いてください",
        ),
        Finding::RoomGood(room) => fine(format!("ルーム {room} を読み取れます")),
        Finding::RoomAbsent(room) => todo(
            format!("ルーム {room} に、このトークンのアカウントが参加していません"),
            "チャットのアドレスの #!rid のあとの数字が id です。番号を直すか、アカウントを招待してもらってください",
        ),
        Finding::RoomReadOnly(room) => todo(
            format!("ルーム {room} は閲覧のみのため、案内を投稿できません"),
            "権限を変えてもらうか、このルームの reply.mode を \"observe\" にしてください",
        ),
        Finding::ClientsAbsent(room, n) => todo(
            format!("ルーム {room} の clients のうち{n}人が、ルームに参加していません"),
            "[[room]] の clients とルームのメンバーのアカウントIDをお比べください。案内は clients の発言にだけ送られます",
        ),
        Finding::ClockGood => fine("時計はChatworkと合っています"),
        Finding::ClockOff(seconds) => todo(
            format!("時計がChatworkと{seconds}秒ずれています"),
            "このパソコンの時刻の自動設定をオンにしてください。記録の日時に影響します",
        ),
        Finding::PollingAlone => fine("公開アドレスなし：APIでの読み取りだけで動きます"),
        Finding::WebhookTokenMissing => todo(
            "public_url がありますが、Webhookのトークンがないため、通知をすべて断っています",
            "Webhookの編集画面のトークンをファイルに保存し、webhook_token_files に書いてください",
        ),
        Finding::WebhookReached => fine("公開アドレスは、このプログラムにつながっています"),
        Finding::WebhookUnreachable => todo(
            "public_url に応答がありません",
            "karibarai serve とプロキシが動いているか、名前と443番ポートをお確かめください（deploy/Caddyfile が例です）",
        ),
        Finding::WebhookForeign(status) => todo(
            format!("public_url では別のものが応答しています（401のはずが{status}）"),
            "プロキシが /webhook を、書き換えや転送なしで [server] listen に渡すようにしてください",
        ),
        Finding::WebhookSilent(room, n) => todo(
            format!("ルーム {room}：直近の{n}件は、Webhookでは届いていません"),
            "Chatworkがその設定を「無効」にした可能性があります。「サービス連携 → Webhook」で「有効」に戻し、トークンとルームIDをお確かめください",
        ),
        Finding::Listening => fine("serve が動いていて、通知を受け取れます"),
        Finding::PortFree => fine("通知を受け取るポートは空いています（serve は動いていません）"),
        Finding::PortTaken(port) => todo(
            format!("ポート{port}を、別のプログラムが使っています"),
            "そのプログラムを終了するか、[server] listen とプロキシで別の番号にしてください",
        ),
        Finding::FolderGood => fine("データのフォルダに書き込めます。ほかの人からは読めません"),
        Finding::FolderWritable => {
            fine("データのフォルダに書き込めます。ほかの人が読めない、ご自分のフォルダの中に置いてください")
        }
        Finding::FolderMissing => fine("データのフォルダはまだありません。karibarai serve が作ります"),
        Finding::FolderReadOnly => todo(
            "データのフォルダに書き込めません",
            "karibaraiを動かすアカウントに書き込みを許可するか、[storage] data_dir を変えてください",
        ),
        Finding::FilesOpen(n) => todo(
            format!("{n}個の非公開ファイルが、このパソコンのほかの人から読めます"),
            "karibarai.db と keys の中を chmod 600 にしてください",
        ),
        Finding::DiskGood(mib) => fine(format!("ディスクの空きは{mib} MiBです")),
        Finding::DiskLow(mib) => todo(
            format!("ディスクの空きが{mib} MiBしかありません"),
            "添付ファイルの保存で減っていきます。早めに空けてください",
        ),
        Finding::DiskFull(mib) => todo(
            format!("ディスクの空きが{mib} MiBしかありません"),
            "すぐに空けてください。書き込めないと、通知を受け取れません",
        ),
        Finding::ServeReady => fine("serve は正常に動いています"),
        Finding::ServeNotReady(word) => todo(
            format!("serve の準備ができていません（{word}）"),
            "言葉の意味は docs/operations.md に、くわしい理由は serve のログにあります",
        ),
        Finding::ServeSilent => todo(
            "serve が応答しません",
            "karibarai serve を起動してください。[server] の listen と review_listen のアドレスで探しています",
        ),
        Finding::ServeTroubled(trouble) => todo(
            format!("serve に不具合があります（{}）", trouble.as_str()),
            "管理画面と、マイチャットへのお知らせに、直し方があります",
        ),
        Finding::NoRecordYet => fine("記録はまだありません"),
        Finding::RecordGood(n) => fine(format!("記録は改ざんなしです（{n}件）")),
        Finding::RecordDamaged => todo(
            "記録が、作られたときのままではありません",
            "karibarai verify で場所が分かります。まずフォルダ全体の写しを取ってください",
        ),
        Finding::RecordUnreadable => todo(
            "記録を読めません",
            "karibarai verify で理由が分かります。フォルダの写しを取っておいてください",
        ),
        Finding::AnchorGood(days) => fine(format!("外部の時刻認証は{days}日前のものがあります")),
        Finding::AnchorStale(days) => todo(
            format!("外部の時刻認証が{days}日前から増えていません"),
            "[anchor] の認証局につながるかお確かめください。karibarai checkpoint ですぐに依頼できます",
        ),
        Finding::AnchorNone => todo(
            "記録を外部から裏づけるものがまだありません",
            "[anchor] authorities に時刻認証局を書くか、checkpoints/latest.note を自分のメールに送っておいてください",
        ),
    }
}
