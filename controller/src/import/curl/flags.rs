//! curl's flags: the ones that say what is sent, and those that only say what curl does with the answer.

use clap::{ArgAction, Parser};

/// A curl command.
#[derive(Debug, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true
)]
pub(super) struct Curl {
    pub(super) urls: Vec<String>,
    #[arg(long = "url")]
    pub(super) more_urls: Vec<String>,
    #[arg(short = 'X', long)]
    pub(super) request: Option<String>,
    #[arg(short = 'H', long = "header", allow_hyphen_values = true)]
    pub(super) headers: Vec<String>,
    #[arg(short = 'd', long = "data", visible_alias = "data-ascii", allow_hyphen_values = true)]
    pub(super) data: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) data_raw: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) data_binary: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) data_urlencode: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) json: Vec<String>,
    #[arg(short = 'F', long, allow_hyphen_values = true)]
    pub(super) form: Vec<String>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) form_string: Vec<String>,
    #[arg(short = 'T', long)]
    pub(super) upload_file: Option<String>,
    #[arg(short = 'u', long)]
    pub(super) user: Option<String>,
    #[arg(long)]
    pub(super) oauth2_bearer: Option<String>,
    #[arg(short = 'b', long)]
    pub(super) cookie: Vec<String>,
    #[arg(short = 'A', long, allow_hyphen_values = true)]
    pub(super) user_agent: Option<String>,
    #[arg(short = 'e', long)]
    pub(super) referer: Option<String>,
    #[arg(short = 'G', long, action = ArgAction::SetTrue)]
    pub(super) get: bool,
    #[arg(short = 'I', long, action = ArgAction::SetTrue)]
    pub(super) head: bool,
    #[arg(short = 'L', long, visible_alias = "location-trusted", action = ArgAction::SetTrue)]
    pub(super) location: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) max_redirs: Option<i64>,
    #[arg(short = 'k', long, action = ArgAction::SetTrue)]
    pub(super) insecure: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) compressed: bool,
    #[arg(long, visible_alias = "http2-prior-knowledge", action = ArgAction::SetTrue)]
    pub(super) http2: bool,
    #[arg(short = 'm', long)]
    pub(super) max_time: Option<f64>,
    #[arg(short = 'E', long)]
    pub(super) cert: Option<String>,
    #[arg(long)]
    pub(super) key: Option<String>,
    #[arg(long)]
    pub(super) unix_socket: Option<String>,
    #[arg(long)]
    pub(super) resolve: Vec<String>,
    #[command(flatten)]
    pub(super) ignored: Ignored,
    #[command(flatten)]
    pub(super) unsupported: Unsupported,
}

/// What changes nothing in the request.
#[derive(Debug, clap::Args)]
pub(super) struct Ignored {
    #[arg(short = 's', long, action = ArgAction::Count)]
    silent: u8,
    #[arg(short = 'S', long, action = ArgAction::Count)]
    show_error: u8,
    #[arg(short = 'v', long, action = ArgAction::Count)]
    verbose: u8,
    #[arg(short = 'i', long, visible_alias = "show-headers", action = ArgAction::Count)]
    include: u8,
    #[arg(short = 'f', long, visible_alias = "fail-with-body", action = ArgAction::Count)]
    fail: u8,
    #[arg(short = 'g', long, action = ArgAction::Count)]
    globoff: u8,
    #[arg(short = 'N', long, action = ArgAction::Count)]
    no_buffer: u8,
    #[arg(short = 'O', long, action = ArgAction::Count)]
    remote_name: u8,
    #[arg(short = 'J', long, action = ArgAction::Count)]
    remote_header_name: u8,
    #[arg(short = '#', long, action = ArgAction::Count)]
    progress_bar: u8,
    #[arg(long, action = ArgAction::Count)]
    no_progress_meter: u8,
    #[arg(long = "http1.1", action = ArgAction::Count)]
    http1_1: u8,
    #[arg(long, action = ArgAction::Count)]
    path_as_is: u8,
    #[arg(long, action = ArgAction::Count)]
    create_dirs: u8,
    #[arg(short = 'q', long, action = ArgAction::Count)]
    disable: u8,
    #[arg(short = 'Z', long, action = ArgAction::Count)]
    parallel: u8,
    #[arg(short = '4', long, action = ArgAction::Count)]
    ipv4: u8,
    #[arg(short = '6', long, action = ArgAction::Count)]
    ipv6: u8,
    #[arg(short = 'o', long)]
    output: Vec<String>,
    #[arg(short = 'w', long)]
    write_out: Vec<String>,
    #[arg(short = 'D', long)]
    dump_header: Vec<String>,
    #[arg(short = 'c', long)]
    cookie_jar: Vec<String>,
    #[arg(long)]
    output_dir: Vec<String>,
    #[arg(long)]
    stderr: Vec<String>,
}

/// What would change the request and has no place in a plan.
#[derive(Debug, clap::Args)]
pub(super) struct Unsupported {
    #[arg(short = 'x', long)]
    proxy: Option<String>,
    #[arg(short = 'U', long)]
    proxy_user: Option<String>,
    #[arg(long)]
    connect_timeout: Option<String>,
    #[arg(long)]
    retry: Option<String>,
    #[arg(long)]
    retry_delay: Option<String>,
    #[arg(long)]
    retry_max_time: Option<String>,
    #[arg(long, action = ArgAction::SetTrue)]
    retry_all_errors: bool,
    #[arg(long)]
    limit_rate: Option<String>,
    #[arg(long)]
    interface: Option<String>,
    #[arg(long)]
    cacert: Option<String>,
    #[arg(long)]
    pass: Option<String>,
    #[arg(long)]
    cert_type: Option<String>,
    #[arg(long)]
    aws_sigv4: Option<String>,
    #[arg(long, action = ArgAction::SetTrue)]
    digest: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    ntlm: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    negotiate: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    anyauth: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    basic: bool,
    #[arg(long, action = ArgAction::SetTrue)]
    http3: bool,
    #[arg(short = 'r', long)]
    range: Option<String>,
    #[arg(long)]
    connect_to: Vec<String>,
    #[arg(short = 'K', long)]
    config: Vec<String>,
}

impl Unsupported {
    /// The flags that were there.
    pub(super) fn names(&self) -> Vec<&'static str> {
        let given = [
            (self.proxy.is_some() || self.proxy_user.is_some(), "--proxy"),
            (self.connect_timeout.is_some(), "--connect-timeout: the step's timeout includes it"),
            (self.retry.is_some() || self.retry_all_errors, "--retry: a failed request is a result"),
            (
                self.retry_delay.is_some() || self.retry_max_time.is_some(),
                "--retry-delay and --retry-max-time",
            ),
            (self.limit_rate.is_some(), "--limit-rate"),
            (self.interface.is_some(), "--interface: see target.connection.source"),
            (self.cacert.is_some(), "--cacert: write the certificates into target.tls.ca"),
            (
                self.pass.is_some() || self.cert_type.is_some(),
                "--pass and --cert-type: keys are PEM without a passphrase",
            ),
            (self.aws_sigv4.is_some(), "--aws-sigv4: requests are not signed"),
            (
                self.digest || self.ntlm || self.negotiate || self.anyauth,
                "--digest, --ntlm, --negotiate and --anyauth",
            ),
            (self.http3, "--http3"),
            (self.range.is_some(), "--range: write a header"),
            (!self.connect_to.is_empty(), "--connect-to: see target.connection.resolve"),
            (!self.config.is_empty(), "--config"),
        ];
        given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, name)| name).collect()
    }
}
