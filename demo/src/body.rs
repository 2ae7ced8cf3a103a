//! The bodies of answers.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

/// What an answer carries.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Text(&'static str),
    Json(Bytes),
    /// So many bytes of filling, streamed from one block.
    Filling(u64),
}

impl Content {
    pub(crate) fn media_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "text/plain; charset=utf-8",
            Self::Json(_) => "application/json",
            Self::Filling(_) => "application/octet-stream",
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Json(json) => json.len() as u64,
            Self::Filling(left) => *left,
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let content = self.get_mut();
        let chunk = match content {
            Self::Text(text) => Bytes::from_static(std::mem::take(text).as_bytes()),
            Self::Json(json) => std::mem::take(json),
            Self::Filling(left) => {
                let chunk = &BLOCK[..BLOCK.len().min(usize::try_from(*left).unwrap_or(usize::MAX))];
                *left -= chunk.len() as u64;
                Bytes::from_static(chunk)
            }
        };
        Poll::Ready((!chunk.is_empty()).then_some(Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.size() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.size())
    }
}

/// Large enough that a big body costs few frames.
static BLOCK: [u8; 64 * 1024] = [b'x'; 64 * 1024];

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::pin::pin;

    fn read(content: Content) -> Bytes {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match pin!(content.collect()).poll(&mut context) {
            Poll::Ready(Ok(body)) => body.to_bytes(),
            Poll::Pending => panic!("the body waits for something"),
        }
    }

    #[test]
    fn a_body_has_the_size_it_announces() {
        let contents = [
            Content::Text(""),
            Content::Text("ok\n"),
            Content::Json(Bytes::from_static(b"[]")),
            Content::Filling(0),
            Content::Filling(1),
            Content::Filling(64 * 1024),
            Content::Filling(200_000),
        ];
        for content in contents {
            let announced = content.size_hint().exact();
            assert_eq!(announced, Some(read(content.clone()).len() as u64), "{content:?}");
        }
    }
}
