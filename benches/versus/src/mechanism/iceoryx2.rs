//! iceoryx2: publish and subscribe, in samples of a publisher's shared memory that the subscriber is lent; every subscriber would
//! see each message, so there is one.
//!
//! A link has a directory and a prefix of its own for all of its files, so that whatever a killed worker leaves goes with it.

use std::fs;
use std::path::PathBuf;

use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::{event, publish_subscribe};

use crate::ask::Wait;
use crate::message::Message;

use super::threads::spin;
use super::{About, Link, Many, Mechanism, Reach, Rx, Shape, Skip, Tx};

/// The coordinator's links are shared with its workers' code.
type Shared = ipc_threadsafe::Service;
/// A worker's ends are its own.
type Own = ipc::Service;

#[derive(Debug)]
pub struct Iceoryx2;

impl Mechanism for Iceoryx2 {
    const NAME: &'static str = "iceoryx2";
    const REACH: Reach = Reach::Processes;
    const SENDERS: Many = Many::Any;
    const RECEIVERS: Many = Many::One;
    const WAITS: &'static [Wait] = &[Wait::Spin, Wait::Sleep];
    const MOST: usize = usize::MAX;
    const ABOUT: About = About {
        framing: "messages, one type or slices of it",
        persistence: "none; a crash leaves files",
        relation: "by name",
        death: "harmless; somebody is to clean up",
    };
    type Link<M: Message> = Service;
}

/// The files of one service, or two: a subscriber that is to sleep waits for an event.
#[derive(Debug)]
pub struct Service {
    config: Config,
    name: ServiceName,
    prefix: String,
    senders: usize,
    directory: PathBuf,
    sleeps: bool,
    held: Option<Held>,
}

/// What keeps the services while nobody uses them.
#[derive(Debug)]
struct Held {
    _messages: publish_subscribe::PortFactory<Shared, [u64], ()>,
    _events: Option<event::PortFactory<Shared>>,
}

impl<M: Message> Link<M> for Service {
    type Tx = Publishing;
    type Rx = Subscribing;

    fn open(shape: &Shape) -> Result<Self, Skip> {
        let directory = std::env::temp_dir().join(&shape.name);
        let text = directory
            .to_str()
            .ok_or_else(|| Skip::because("the temporary directory's name"))?;
        let mut config = Config::default();
        config
            .global
            .set_root_path(&Path::new(text.as_bytes()).map_err(Skip::because)?);
        let prefix = format!("{}-", shape.name);
        config.global.prefix = FileName::new(prefix.as_bytes()).map_err(Skip::because)?;
        let mut service = Service {
            config,
            name: ServiceName::new("messages").map_err(Skip::because)?,
            prefix,
            senders: shape.senders,
            directory,
            sleeps: shape.wait == Wait::Sleep,
            held: None,
        };
        let node = service.node::<Shared>()?;
        let messages = node.service_builder(&service.name).publish_subscribe::<[u64]>();
        let messages = messages
            .max_publishers(shape.senders)
            .max_subscribers(shape.receivers)
            .subscriber_max_buffer_size(shape.slots)
            .subscriber_max_borrowed_samples(1)
            .history_size(0)
            .enable_safe_overflow(false)
            .create()
            .map_err(Skip::because)?;
        let events = match service.sleeps {
            true => Some(
                node.service_builder(&service.name)
                    .event()
                    .create()
                    .map_err(Skip::because)?,
            ),
            false => None,
        };
        service.held = Some(Held {
            _messages: messages,
            _events: events,
        });
        Ok(service)
    }

    fn tx(&self) -> Result<Publishing, Skip> {
        let node = self.node::<Own>()?;
        let messages = node.service_builder(&self.name).publish_subscribe::<[u64]>();
        let messages = messages.open().map_err(Skip::because)?;
        let publisher = messages
            .publisher_builder()
            .initial_max_slice_len(M::WORDS)
            .max_loaned_samples(1)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(Skip::because)?;
        let notifier = match self.sleeps {
            true => {
                let events = node.service_builder(&self.name).event().open().map_err(Skip::because)?;
                Some(events.notifier_builder().create().map_err(Skip::because)?)
            }
            false => None,
        };
        Ok(Publishing { publisher, notifier })
    }

    fn rx(&self) -> Result<Subscribing, Skip> {
        let node = self.node::<Own>()?;
        let messages = node.service_builder(&self.name).publish_subscribe::<[u64]>();
        let messages = messages.open().map_err(Skip::because)?;
        let subscriber = messages.subscriber_builder().create().map_err(Skip::because)?;
        // A publisher drops what finds a full buffer whose subscriber has not looked for that publisher yet.
        while messages.dynamic_config().number_of_publishers() < self.senders {
            std::thread::yield_now();
        }
        subscriber.update_connections().map_err(Skip::because)?;
        let listener = match self.sleeps {
            true => {
                let events = node.service_builder(&self.name).event().open().map_err(Skip::because)?;
                Some(events.listener_builder().create().map_err(Skip::because)?)
            }
            false => None,
        };
        Ok(Subscribing { subscriber, listener })
    }
}

impl Service {
    fn node<S: iceoryx2::service::Service>(&self) -> Result<Node<S>, Skip> {
        let builder = NodeBuilder::new().config(&self.config);
        let builder = builder.signal_handling_mode(SignalHandlingMode::Disabled);
        builder.create::<S>().map_err(Skip::because)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.held = None;
        let _ = fs::remove_dir_all(&self.directory);
        for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.prefix) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A publisher. It waits for room as iceoryx2 does: it yields, and after a while sleeps.
#[derive(Debug)]
pub struct Publishing {
    publisher: Publisher<Own, [u64], ()>,
    notifier: Option<Notifier<Own>>,
}

impl<M: Message> Tx<M> for Publishing {
    #[inline(always)]
    fn send(&mut self, message: &M) -> Result<(), Skip> {
        let sample = self.publisher.loan_slice_uninit(M::WORDS).map_err(Skip::because)?;
        sample.write_from_slice(message.words()).send().map_err(Skip::because)?;
        if let Some(notifier) = &self.notifier {
            notifier.notify().map_err(Skip::because)?;
        }
        Ok(())
    }
}

/// A subscriber.
#[derive(Debug)]
pub struct Subscribing {
    subscriber: Subscriber<Own, [u64], ()>,
    listener: Option<Listener<Own>>,
}

impl<M: Message> Rx<M> for Subscribing {
    #[inline(always)]
    fn recv(&mut self, into: &mut M) -> Result<(), Skip> {
        spin(|| match (self.subscriber.receive(), &self.listener) {
            (Ok(Some(sample)), _) => {
                into.words_mut().copy_from_slice(sample.payload());
                Some(Ok(()))
            }
            (Ok(None), None) => None,
            (Ok(None), Some(listener)) => listener.blocking_wait(|_| ()).map_err(Skip::because).err().map(Err),
            (Err(why), _) => Some(Err(Skip::because(why))),
        })
    }
}
