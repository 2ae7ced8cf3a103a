//! HTTP/1.1 as the lean client speaks it: a request is bytes built once, an answer is bytes read as they arrive.
//!
//! Pure framing: nothing here knows a socket or a clock. The rules are those of RFC 9112 for a client that sends
//! one request at a time on a connection and only wants to know where the answer ends. Whatever a peer sends,
//! memory stays within [`MAX_HEAD`] per answer, and in the usual case (the head comes in one read) none is taken.

mod malformed;
mod lines;
mod chunked;
mod head;
mod keep;
mod reader;
mod request;

pub use keep::{Keep, Kept, Nothing};
pub use malformed::{MAX_HEAD, MAX_HEADERS, Malformed};
pub use reader::{Answer, Cut, Progress, Reader};
pub use request::{Request, Stay};
