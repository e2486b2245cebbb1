//! Visit: a post to a campaign with everything that is known of it before its body is read.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::campaign::Campaign;
use crate::http::reader::Reader;
use crate::http::request::RawRequest;
use crate::pipeline::abuse;
use crate::pipeline::abuse::Sender;
use crate::pipeline::lead::Identity;

/// A post to a campaign.
pub struct Visit<'a, P> {
    /// The context.
    pub cx: Cx<'a, P>,
    /// The campaign.
    pub campaign: &'a Campaign,
    /// The request.
    pub request: &'a RawRequest,
    /// The keys of the campaign's ledger.
    pub identity: Rc<Identity>,
    /// The sender; `None` if the address is not one of the internet.
    pub sender: Option<Sender>,
    /// The reader of a page, if one was asked for.
    reader: OnceCell<Option<Reader<'a>>>,
}

impl<'a, P: Ports> Visit<'a, P> {
    /// Reads the sender.
    pub fn new(cx: Cx<'a, P>, campaign: &'a Campaign, request: &'a RawRequest) -> Self {
        let identity = cx.identity(campaign);
        let sender = abuse::sender(request.client_address.as_deref(), &identity);
        Self { cx, campaign, request, identity, sender, reader: OnceCell::new() }
    }

    /// Returns the seconds after which the post may come again, if too many come now.
    pub async fn wait_s(&self) -> Option<i64> {
        let Cx { ports, isolate, now } = self.cx;
        isolate.rate_limit.wait_s(ports, self.campaign, self.sender.as_ref(), now.now_ms).await
    }

    /// Returns the reader of a page, if the client would rather have a page than JSON.
    pub fn reader(&self) -> Option<Reader<'a>> {
        let reader = || self.request.prefers_html().then(|| Reader::new(self.campaign, self.request));
        *self.reader.get_or_init(reader)
    }
}
