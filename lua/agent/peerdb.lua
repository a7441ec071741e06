-- agent.peerdb: the database of peers, and how two databases become equal.
--
-- The database is `_G.peerdb[name] = entry` (see agent/entry.lua). Three generations talk about it:
--
--   HEAD    Every node numbers the versions of its own entry. Peers compare digests (version and
--           timestamp of each entry) and send only what the other lacks.
--   1.5     Entries tell connections, but have no version: what differs by timestamp is sent.
--   1.4.2   Entries are { hosts, timestamp }, the whole database is sent, and numbers must be
--           integers: that generation can not marshal anything else.
--
-- Entries that arrive without a version must never displace one that its node has numbered, or a
-- peer of 1.4.2, echoing what it once heard from us, would strip newer peers of their connections.
-- So an entry that a node without versions tells of itself is numbered by us (we are its witness),
-- and what it tells of third parties is hearsay of version 0, good until something better comes.
-- Entries about ourselves are never taken from others.

local entry = require("agent.entry")

local peerdb = {}

-- `at`, the first argument of what changes the database, is a table of that moment:
-- db = the database, self = own name or nil, now = Unix time, expiry, tolerance = seconds.

-- A new peer is an event; its later versions, which come with every change of a round trip time,
-- are only logged.
local function report(known, name, from, e, now)
    local write, verb = evlogf, "new"
    if known then write, verb = logf, "updated" end
    write("peerdb: %s peer %q from %q (time=%d)", verb, name, from, math.floor(e.timestamp - now))
end

local function is_self(at, name)
    return at.self ~= nil and name:lower() == at.self:lower()
end

-- Makes room for a newcomer: a neighbour takes the place of whom nobody has heard of for longest,
-- anybody else has to wait until a place is free.
local function has_room(at, is_neighbour)
    local count, oldest = 0, nil
    for name, e in next, at.db do
        count = count + 1
        if name ~= at.self and (not oldest or e.timestamp < at.db[oldest].timestamp) then
            oldest = name
        end
    end
    if count < entry.MAX_PEERS then return true end
    if not is_neighbour then return false end
    evlogf("peerdb: too many peers, forgetting %q", oldest)
    at.db[oldest] = nil
    return true
end

local function put(at, name, e, from)
    local known = at.db[name]
    if not known and not has_room(at, name == from) then return false end
    at.db[name] = e
    report(known, name, from, e, at.now)
    return true
end

local function is_fresh(at, timestamp)
    return timestamp >= at.now - at.expiry - at.tolerance
end

-- HEAD ---------------------------------------------------------------------------------------

function peerdb.digest(db)
    local digest = {}
    for name, e in next, db do digest[name] = { v = e.version, t = e.timestamp } end
    return digest
end

local function digest_version(digest, name)
    local item = rawget(digest, name)
    return type(item) == "table" and entry.version(item.v) or nil, item
end

-- What the sender of a digest lacks; it knows best about itself. Entries that are merely fresher
-- are included on request: their timestamps travel in digests already.
function peerdb.newer(db, digest, owner, with_fresher)
    local delta = {}
    for name, e in next, db do
        if name ~= owner then
            local version, item = digest_version(digest, name)
            local fresher = with_fresher and version == e.version
                and (not entry.finite(item.t) or e.timestamp > item.t)
            if not version or e.version > version or fresher then delta[name] = e end
        end
    end
    return delta
end

-- Whether a digest promises anything that apply() would take.
function peerdb.is_behind(at, digest)
    local room = nil
    for name, item in next, digest do
        local version = entry.name(name) and not is_self(at, name) and digest_version(digest, name)
        local known = version and at.db[name]
        if known then
            if version > known.version then return true end
        elseif version and entry.finite(item.t) and is_fresh(at, item.t) then
            if room == nil then room = has_room(at, false) end
            if room then return true end
        end
    end
    return false
end

-- Peers of whom the other has heard more recently than we did. Returns the version under which
-- the other knows us, which exceeds ours after our clock was set back.
function peerdb.refresh(at, digest, from)
    for name, e in next, at.db do
        local version, item = digest_version(digest, name)
        if version == e.version and name ~= at.self and name ~= from
            and entry.finite(item.t) and item.t > e.timestamp then
            e.timestamp = math.min(item.t, at.now)
        end
    end
    return at.self and digest_version(digest, at.self)
end

-- Takes a delta; returns whether anything but timestamps has changed.
function peerdb.apply(at, delta, from)
    local changed = false
    for name, raw in next, delta do
        local e = entry.name(name) and not is_self(at, name) and entry.clean(raw, at.now)
        if e and e.version and e.timestamp then
            local known = at.db[name]
            if not known then
                changed = is_fresh(at, e.timestamp) and put(at, name, e, from) or changed
            elseif e.version > known.version then
                changed = put(at, name, e, from) or changed
            elseif e.version == known.version and e.timestamp > known.timestamp then
                changed = changed or not entry.same_hosts(e, known)
                    or not entry.same_conns(e, known)
                at.db[name] = e
            end
        end
    end
    return changed
end

-- 1.4.2 and 1.5 ------------------------------------------------------------------------------

-- All that 1.4.2 can use: hosts, and integer timestamps. Without the peer's own entry, of which
-- it must not learn an old state.
function peerdb.plain(db, owner)
    local copy = {}
    for name, e in next, db do
        if name ~= owner then
            copy[name] = { hosts = e.hosts, timestamp = math.floor(e.timestamp) }
        end
    end
    return copy
end

-- Entries for 1.5, without those that the other has. That generation takes every node with
-- connections for a relay, so those of unwilling nodes are not told.
function peerdb.unversioned(db, owner, theirs)
    local copy = {}
    for name, e in next, db do
        local other = type(theirs) == "table" and rawget(theirs, name)
        local same = type(other) == "table" and other.timestamp == e.timestamp
        if name ~= owner and not same then
            copy[name] = {
                hosts = e.hosts,
                timestamp = e.timestamp,
                conns = e.relay_cost and e.conns or {},
            }
        end
    end
    return copy
end

-- What a node says of itself without numbering it.
local function witness(at, name, e)
    local known = at.db[name]
    e.timestamp = at.now -- it has just spoken to us
    if known and known.version > 0 and known.relay_cost == e.relay_cost
        and entry.same_hosts(known, e) and entry.same_conns(known, e) then
        known.timestamp, known.conns = at.now, e.conns
        return false
    end
    e.version = math.max(known and known.version + 1 or 0, math.floor(at.now))
    return put(at, name, e, name)
end

-- What it says of others.
local function hearsay(at, name, e, from)
    local known = at.db[name]
    if e.timestamp and not (e.timestamp >= at.now - at.expiry) then return false end
    if not known then
        e.version, e.timestamp = 0, e.timestamp or at.now
        return put(at, name, e, from)
    end
    if not entry.is_plain(known) and known.version > 0 then return false end
    if not e.timestamp or e.timestamp <= known.timestamp then return false end
    if entry.same_hosts(known, e) and entry.is_plain(e) then
        known.timestamp = e.timestamp
        return false
    end
    e.version = known.version == 0 and 0 or known.version + 1
    return put(at, name, e, from)
end

-- Takes the database of a node that knows no versions; returns whether anything has changed.
function peerdb.merge(at, theirs, from)
    local changed = false
    for name, raw in next, theirs do
        local e = entry.name(name) and not is_self(at, name) and entry.clean(raw, at.now)
        local timestamp = e and raw.timestamp
        local future = entry.finite(timestamp) and timestamp > at.now + at.tolerance
        if e and (name == from or not future) then
            -- 1.5 relays for everybody, 1.4.2 tells no connections that anybody could be led over.
            e.relay_cost = next(e.conns) ~= nil and 0 or nil
            local update = name == from and witness or hearsay
            changed = update(at, name, e, from) or changed
        end
    end
    return changed
end

-- Both -----------------------------------------------------------------------------------------

-- Forgets those of whom nobody has heard for long.
function peerdb.expire(at)
    local changed = false
    for name, e in next, at.db do
        if name ~= at.self and not is_fresh(at, e.timestamp) then
            evlogf("peer expired: %q (time=%d)", name, math.floor(e.timestamp - at.now))
            at.db[name] = nil
            changed = true
        end
    end
    return changed
end

-- A database that an older agent, or somebody by hand, has left in the global.
function peerdb.adopt(db, now)
    local clean = {}
    for name, raw in next, db do
        local e = entry.name(name) and entry.clean(raw, now)
        if e then
            e.version, e.timestamp = e.version or 0, e.timestamp or now
            clean[name] = e
        end
    end
    for name in next, db do db[name] = nil end
    for name, e in next, clean do db[name] = e end
    return db
end

return peerdb
