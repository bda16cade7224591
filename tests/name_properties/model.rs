//! What does a name lead to, and when does it go, if nothing happens at the same time?

use std::collections::BTreeMap;

use crate::handles::KINDS;
use crate::object::{Endpoint, Object, Policy};

/// What has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    Nothing,
    /// Number in [`Model::objects`].
    Object(usize),
    /// A file that is no channel.
    Foreign,
}

/// What creating or opening comes to.
#[derive(Clone, Debug)]
pub enum Opening {
    /// An object that was not there before.
    Made(usize),
    /// One that was.
    Found(usize),
    /// One of these errors.
    Refused(Vec<String>),
}

/// A process has an object open: by a channel, endpoints made from it, or both.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    /// Key of the channel, also when that is dropped.
    pub key: u32,
    pub process: usize,
    pub object: usize,
    /// It has made the object, and that is its own.
    creator: bool,
    /// The channel itself is still there.
    pub channel: bool,
}

/// All names, and all that is or was behind them.
#[derive(Clone, Debug)]
pub struct Model {
    pub names: Vec<Entry>,
    pub objects: Vec<Object>,
    regions: BTreeMap<u32, Region>,
    next: u32,
}

impl Model {
    /// So many names, which lead nowhere.
    pub fn new(names: usize) -> Model {
        Model {
            names: vec![Entry::Nothing; names],
            objects: Vec::new(),
            regions: BTreeMap::new(),
            next: 0,
        }
    }

    /// A key that nothing has.
    pub fn key(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// Everybody who has something open.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.values()
    }

    /// All endpoints, with the numbers of their objects, the oldest first.
    pub fn endpoints(&self) -> Vec<(usize, Endpoint)> {
        let of = |(o, object): (usize, &Object)| object.endpoints.iter().map(move |e| (o, *e)).collect::<Vec<_>>();
        let mut all: Vec<_> = self.objects.iter().enumerate().flat_map(of).collect();
        all.sort_by_key(|(_, e)| e.key);
        all
    }

    fn is_open(&self, object: usize) -> bool {
        self.regions().any(|region| region.object == object)
    }

    fn creator_lives(&self, object: usize) -> bool {
        self.regions().any(|region| region.object == object && region.creator)
    }

    fn is_dead_creators(&self, object: usize) -> bool {
        self.objects[object].policy == Policy::Created && !self.creator_lives(object)
    }

    fn leads_to(&self, object: usize) -> bool {
        self.names.contains(&Entry::Object(object))
    }

    fn unname(&mut self, object: usize) {
        for entry in self.names.iter_mut().filter(|entry| **entry == Entry::Object(object)) {
            *entry = Entry::Nothing;
        }
    }

    /// Somebody who had the object open, or had a look at it, leaves.
    fn out(&mut self, o: usize) {
        let object = &self.objects[o];
        let needed = match object.policy {
            Policy::Kept => true,
            Policy::Created => self.creator_lives(o),
            Policy::Shared => self.is_open(o) || object.unread() > 0,
        };
        if !needed {
            self.unname(o);
        }
    }

    fn hold(&mut self, key: u32, process: usize, object: usize, creator: bool) {
        let region = Region {
            key,
            process,
            object,
            creator,
            channel: true,
        };
        self.regions.insert(key, region);
    }

    fn make(&mut self, key: u32, process: usize, name: usize, object: Object) -> Opening {
        let made = self.objects.len();
        let creator = object.policy == Policy::Created;
        self.objects.push(object);
        self.names[name] = Entry::Object(made);
        self.hold(key, process, made, creator);
        Opening::Made(made)
    }

    /// `create`.
    pub fn create(&mut self, key: u32, process: usize, name: usize, object: Object) -> Opening {
        let taken = match self.names[name] {
            Entry::Nothing => None,
            Entry::Foreign => Some("taken: Foreign".to_owned()),
            Entry::Object(o) => match self.objects[o].policy {
                Policy::Kept => Some("taken: Kept".to_owned()),
                Policy::Created => self.creator_lives(o).then(|| "taken: Creator".to_owned()),
                Policy::Shared if self.is_open(o) => Some("taken: Users".to_owned()),
                Policy::Shared => {
                    let unread = self.objects[o].unread();
                    (unread > 0).then(|| format!("taken: Messages {{ unread: {unread} }}"))
                }
            },
        };
        match taken {
            Some(by) => Opening::Refused(vec![by]),
            None => self.make(key, process, name, object),
        }
    }

    /// Looks for an object of this kind; `Ok(None)` if there is none (any more).
    fn find(&mut self, name: usize, kind: usize) -> Result<Option<usize>, String> {
        let o = match self.names[name] {
            Entry::Nothing => return Ok(None),
            Entry::Foreign => return Err("not a region".to_owned()),
            Entry::Object(o) => o,
        };
        if self.is_dead_creators(o) {
            self.unname(o);
            return Ok(None);
        }
        let actual = self.objects[o].kind;
        if actual == kind {
            return Ok(Some(o));
        }
        self.out(o);
        if self.leads_to(o) {
            return Err(format!("kind {}, not {}", KINDS[actual], KINDS[kind]));
        }
        Ok(None)
    }

    /// `open`.
    pub fn open(&mut self, key: u32, process: usize, name: usize, kind: usize) -> Opening {
        match self.find(name, kind) {
            Err(error) => Opening::Refused(vec![error]),
            Ok(None) => Opening::Refused(vec!["not found".to_owned()]),
            Ok(Some(found)) => {
                self.hold(key, process, found, false);
                Opening::Found(found)
            }
        }
    }

    /// `open_or_create`.
    pub fn join(&mut self, key: u32, process: usize, name: usize, object: Object) -> Opening {
        match self.find(name, object.kind) {
            Err(error) => Opening::Refused(vec![error]),
            Ok(None) => self.make(key, process, name, object),
            Ok(Some(found)) => {
                self.hold(key, process, found, false);
                Opening::Found(found)
            }
        }
    }

    /// Nobody can come to the object but those who are attached, as somebody with this region sees it.
    pub fn alone(&self, region: u32) -> bool {
        let here = &self.regions[&region];
        let others = self.regions().any(|r| r.object == here.object && r.key != region);
        let by_name = self.leads_to(here.object) && !self.is_dead_creators(here.object);
        !here.channel && !others && !by_name
    }

    fn leave_if_last(&mut self, key: u32) {
        let region = self.regions[&key];
        let endpoints = &self.objects[region.object].endpoints;
        if !region.channel && endpoints.iter().all(|e| e.region != key) {
            self.regions.remove(&key);
            self.out(region.object);
        }
    }

    /// A channel is dropped.
    pub fn drop_channel(&mut self, key: u32) {
        self.regions.get_mut(&key).expect("a channel").channel = false;
        self.leave_if_last(key);
    }

    /// An endpoint is dropped.
    pub fn drop_endpoint(&mut self, object: usize, endpoint: &Endpoint) {
        self.objects[object].detach(endpoint.key);
        self.leave_if_last(endpoint.region);
    }

    /// A process drops all that it has: endpoints first.
    pub fn leave(&mut self, process: usize) {
        for (object, endpoint) in self.endpoints() {
            if endpoint.process == process {
                self.drop_endpoint(object, &endpoint);
            }
        }
        let of_process = |region: &&Region| region.process == process;
        for key in self.regions().filter(of_process).map(|r| r.key).collect::<Vec<_>>() {
            self.drop_channel(key);
        }
    }

    /// A process is killed.
    pub fn kill(&mut self, process: usize) {
        for object in &mut self.objects {
            object.kill(process);
        }
        self.regions.retain(|_, region| region.process != process);
    }

    /// `unlink`.
    pub fn unlink(&mut self, name: usize) -> &'static str {
        match std::mem::replace(&mut self.names[name], Entry::Nothing) {
            Entry::Nothing => "not found",
            Entry::Object(_) | Entry::Foreign => "unlinked",
        }
    }

    /// `gc`: which names go, and what is unread then.
    pub fn gc(&mut self) -> Vec<(usize, usize)> {
        let mut removed = Vec::new();
        for name in 0..self.names.len() {
            if let Entry::Object(o) = self.names[name]
                && self.objects[o].policy != Policy::Kept
                && !self.is_open(o)
            {
                removed.push((name, self.objects[o].unread()));
                self.names[name] = Entry::Nothing;
            }
        }
        removed
    }

    /// `list` for one name, but for the dead endpoints.
    pub fn listed(&self, o: usize) -> String {
        let object = &self.objects[o];
        format!(
            "{}x{} orphaned={} kept={} alive={}",
            KINDS[object.kind],
            object.capacity,
            !self.is_open(o),
            object.policy == Policy::Kept,
            object.living()
        )
    }
}
