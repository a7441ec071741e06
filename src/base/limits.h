// Every bound of the program in one place, each with its reason.

#pragma once

#include <chrono>
#include <cstddef>

namespace neosocksd::limits {

// A DNS name, and so a SOCKS5 domain (one length octet) and the host part of any address.
inline constexpr std::size_t kHostBytes = 255;
// host, colon, five digits: spec/cli.md section 3.
inline constexpr std::size_t kAddressBytes = kHostBytes + 1 + 5;
// SOCKS4 user id without its NUL: what 1.4.2 accepts.
inline constexpr std::size_t kSocks4UserBytes = 255;
// RFC 1929: one length octet each.
inline constexpr std::size_t kSocks5UserBytes = 255;
inline constexpr std::size_t kSocks5PasswordBytes = 255;
// Decoded "user:password" of Basic credentials: what 1.4.2 accepts.
inline constexpr std::size_t kBasicCredentialBytes = 511;
// Request line and header lines, with their line ends, as 1.4.2: 8191 bytes.
inline constexpr std::size_t kHttpHeadBytes = 8191;
// Fields of a message that is forwarded, those of the connection not counted: what 1.5 accepts.
inline constexpr std::size_t kHttpFields = 100;
// The line that begins a chunk, without its line end: sixteen digits, and extensions, which
// nobody uses and which are dropped.
inline constexpr std::size_t kChunkLineBytes = 256;
// The trailer section of a chunked body, which is dropped: as much as a head may be.
inline constexpr std::size_t kTrailerBytes = 8191;
// A PROXY header of version 2 with its TLVs; the longest that senders make is some hundred bytes.
inline constexpr std::size_t kProxyHeaderBytes = 4096;
// A proxy URL, terminator not counted.
inline constexpr std::size_t kProxyUrlBytes = 1023;
// Decoded user name and password of a proxy URL together: what 1.4.2 accepts.
inline constexpr std::size_t kProxyCredentialBytes = 510;
// Interim (1xx) responses that an upstream HTTP proxy may send before the final one. None is
// asked for; a proxy that never gets to the point has failed.
inline constexpr int kInterimResponses = 8;
// Hops of one chain. Each costs a round trip inside one deadline; sixteen is beyond any use.
inline constexpr std::size_t kChainHops = 16;

// A log line longer than this is cut: one write(2), and no peer can flood a line.
inline constexpr std::size_t kLogLineBytes = 8192;
// Lines that one place in the source writes at once, and in the long run: enough for everything
// that happens to a busy proxy, and 200 MB a day of what an attacker makes it say.
inline constexpr int kLogBurst = 500;
inline constexpr int kLogLinesPerSecond = 20;
// How long after a line was suppressed the log says so.
inline constexpr std::chrono::milliseconds kLogTellTime{1000};

// One read of the epoll engine goes into one buffer a loop.
inline constexpr std::size_t kEpollReadBytes = 64 * 1024;
// The io_uring engine lends receive buffers from a ring: as large as an HTTP head may be, and as
// many as completions one wait usually brings. 1 MiB a loop; when they run out, reads wait.
inline constexpr std::size_t kUringBufferBytes = 8192;
inline constexpr unsigned kUringBuffers = 128;
// Submission queue of io_uring; completions may be four times as many before they overflow into
// the kernel's own list.
inline constexpr unsigned kUringEntries = 1024;

// Coroutine frames kept for reuse, of each size: enough for the sessions that set up at one time.
inline constexpr std::size_t kFramesPooled = 256;
// Frames above this are left to the general allocator.
inline constexpr std::size_t kFrameBytesPooled = 4096;

// Messages waiting for a loop. Each is a hand-over or a control message; a loop that is this far
// behind refuses, and the sender keeps its object.
inline constexpr std::size_t kMailboxMessages = 16384;
// Between tries to post what must be heard: the loop that refuses has thousands to run.
inline constexpr std::chrono::milliseconds kMailboxRetry{5};

// Bytes that one relay direction moves before the loop looks at its other sessions: half a
// millisecond's work, and the flows that have more at once are on this machine.
inline constexpr std::size_t kRelayTurnBytes = 2 * 1024 * 1024;
// What a direction may hold for a reader that is too slow, when copying; as much again when both
// directions are stuck.
inline constexpr std::size_t kRelayPendingBytes = 256 * 1024;
// Asked from F_SETPIPE_SZ. The first pipes of a loop are large: a quarter less CPU per byte, and
// one is enough for all flows whose readers keep up. What an unprivileged user may have altogether,
// 64 MiB, is not for them alone. A pipe below kPipeUsefulBytes makes splice slower than copying.
inline constexpr std::size_t kLargePipeBytes = 1024 * 1024;
inline constexpr std::size_t kLargePipes = 8;
inline constexpr std::size_t kPipeBytes = 256 * 1024;
inline constexpr std::size_t kPipeUsefulBytes = 64 * 1024;
// Pipes that one loop keeps for reuse, and has at all: two descriptors each.
inline constexpr std::size_t kPipesPooled = 16;
inline constexpr std::size_t kPipesPerLoop = 256;

// Names cached by one worker's resolver, and how long at most, whatever their TTL says.
inline constexpr std::size_t kResolverEntries = 4096;
inline constexpr std::chrono::seconds kResolverTtlMax{3600};
// Lookups in flight in one worker; a further one fails at once.
inline constexpr std::size_t kResolverQueries = 4096;
// Negative answers are cached no longer: a name that was just made works within a second.
inline constexpr std::chrono::seconds kResolverNegativeTtl{1};
// The hosts file, of which each worker holds a table; the rest of a longer one is not read.
inline constexpr std::size_t kHostsFileBytes = 8 * 1024 * 1024;
// Addresses of one name that are tried; a DNS answer may hold thousands.
inline constexpr std::size_t kResolverAddresses = 16;

// RFC 8305 section 5: connection attempt delay.
inline constexpr std::chrono::milliseconds kConnectStagger{250};
// A client is watched for hanging up once its dial takes longer than this: quick dials, the
// common case, then pay nothing for it.
inline constexpr std::chrono::milliseconds kHangupWatchDelay{20};
// After an error reply: how long and how many bytes we read before closing, so that unread input
// does not turn the close into a reset that destroys the reply.
inline constexpr std::chrono::milliseconds kLingerTime{1000};
inline constexpr std::size_t kLingerBytes = 256 * 1024;

// The most that one datagram carries over IPv4; a longer one can not be sent on.
inline constexpr std::size_t kUdpPayloadBytes = 65507;
// What a read of one datagram has room for: more than any can have, so that none is cut.
inline constexpr std::size_t kUdpReadBytes = 64 * 1024;
// Datagrams that one system call moves. A worker's buffer is kUdpReadBytes for each, 1 MiB of
// addresses of which small datagrams touch a page each.
inline constexpr std::size_t kUdpBatch = 16;
// Datagrams that one direction of an association moves before the loop looks at its other work.
inline constexpr std::size_t kUdpTurnDatagrams = 64;
// RFC 1928 section 7: a reassembly timer of no less than 5 seconds.
inline constexpr std::chrono::seconds kUdpReassemblyTime{10};
// An association without a datagram for this long ends: what RFC 4787 (REQ-5) recommends for the
// mappings of address translators, on which applications rely in the same way.
inline constexpr std::chrono::seconds kUdpIdleTime{300};
// Datagrams of one association that wait for the address of their name, and their bytes: one of
// the largest. More are dropped.
inline constexpr std::size_t kUdpHeldDatagrams = 32;
inline constexpr std::size_t kUdpHeldBytes = 64 * 1024;
// Names of one association whose address is kept, so that a flow stays with one server although
// DNS rotates, and how long after the last use.
inline constexpr std::size_t kUdpNames = 16;
inline constexpr std::chrono::seconds kUdpNameTime{60};
// Targets of one association that the rules have decided about, more than a busy client has at a
// time, and how long a decision holds.
inline constexpr std::size_t kUdpVerdicts = 64;
inline constexpr std::chrono::seconds kUdpVerdictTime{60};
// Chains of proxies that the rules send datagrams of one association through at a time, as many as
// a ruleset balances over. Each costs two descriptors here and an association at its last hop. One
// that has been quiet for a while makes room for another.
inline constexpr std::size_t kUdpChains = 8;
inline constexpr std::chrono::seconds kUdpChainQuietTime{60};
// Datagrams that wait for the hop of one chain, and their bytes: one of the largest. Clients send
// few before they have an answer; more are dropped. Each chain has its own, so that a hop that
// hangs costs the others nothing.
inline constexpr std::size_t kUdpHopHeldDatagrams = 16;
inline constexpr std::size_t kUdpHopHeldBytes = 64 * 1024;
// How long a hop is left alone that failed or left, at first and at most: DNS asks again after some
// seconds, and a hop that is down is not helped by more than that.
inline constexpr std::chrono::seconds kUdpHopPause{1};
inline constexpr std::chrono::seconds kUdpHopPauseMax{30};
// Bytes that are ignored on the TCP connection of an association. There is nothing to say there:
// who says more does not speak SOCKS.
inline constexpr std::size_t kUdpControlBytes = 64 * 1024;
// Connections that may wait at the port of a BIND request: one is expected, strangers may come
// before it.
inline constexpr int kBindBacklog = 16;

// How long a listener rests after accept failed or descriptors ran out.
inline constexpr std::chrono::milliseconds kAcceptPause{100};
// Connections that one wake-up may bring a listener before it can be told to stop: a whole backlog
// (SOMAXCONN). Nearer than this to the end of the descriptors, they are accepted one by one.
inline constexpr int kAcceptBurst = 4096;
// Those accepted one by one before the loop looks at its other work.
inline constexpr int kAcceptsPerTurn = 64;
// Descriptors kept free of sessions: listeners, logs, DNS sockets, pipes, rules.
inline constexpr std::size_t kDescriptorReserve = 64;
// And for each worker: its loop, listener, mailbox and DNS sockets.
inline constexpr std::size_t kDescriptorsPerWorker = 16;

// Worker threads: more than any machine we know gives one process; each costs a loop's buffers.
inline constexpr int kWorkers = 256;
// --busy-poll: longer than the round trip of a local network gains nothing.
inline constexpr int kBusyPollMicrosecondsMax = 1000;
// --timeout, as 1.4.2; --drain, the same day at most: a service manager loses patience before.
inline constexpr double kTimeoutSecondsMin = 5;
inline constexpr double kTimeoutSecondsMax = 86400;
inline constexpr double kDrainSecondsMax = 86400;
// IFNAMSIZ without its terminator: what the kernel reads of an interface name.
inline constexpr std::size_t kInterfaceNameBytes = 15;

// sockaddr_un::sun_path without its terminator.
inline constexpr std::size_t kUnixPathBytes = 107;
// Waits between tries to connect to a Unix socket whose backlog is full.
inline constexpr std::chrono::milliseconds kUnixConnectPauseMin{10};
inline constexpr std::chrono::milliseconds kUnixConnectPauseMax{160};
// How long the start waits to see whether who accepts on a Unix socket's path is about to end.
inline constexpr std::chrono::milliseconds kUnixLeftOverWait{300};
// Sockets of a .socket unit that are looked at: each listener takes one, and there are three.
inline constexpr int kInheritedSockets = 64;
// --keepalive: what TCP_KEEPIDLE takes. --sndbuf and --rcvbuf: below the first the kernel has its
// own minimum; twice the second still fits the kernel's int.
inline constexpr int kKeepaliveSecondsMax = 32767;
inline constexpr int kSocketBufferBytesMin = 4096;
inline constexpr int kSocketBufferBytesMax = 1 << 29;
// Smaller ones, down to a byte from a configuration (-c), are taken with a warning: less than one
// full relay turn fits, so bulk goes in many more steps.
inline constexpr int kSocketBufferBytesSmall = 16384;
// A name or number of a user and of a group: what 1.4.2 accepts.
inline constexpr std::size_t kUserIdentBytes = 1023;
// A datagram to the service manager that it does not take for this long is given up.
inline constexpr std::chrono::milliseconds kNotifyTimeout{1000};

// What compressed data may become, from a script, the API or an RPC peer: DEFLATE makes up to 1032
// bytes of one, so a body of 4 MiB could fill the memory. A rule list of two million names fits.
inline constexpr std::size_t kInflatedBytes = 64 * 1024 * 1024;
// Tables within tables of marshal(): as many as Lua's parser reads back.
inline constexpr int kMarshalDepth = 196;
// The text of marshal(): what a receiver would inflate. Tables that share tables grow by powers of
// two, so that a small value could become text without end.
inline constexpr std::size_t kMarshalBytes = kInflatedBytes;
// Groups within groups of a regular expression: glibc recurses, with up to 800 bytes of stack for
// each, and has no bound of its own.
inline constexpr int kRegexNesting = 1000;

// Bodies of API requests, compressed or not, and of RPC answers: what 1.4.2 accepts.
inline constexpr std::size_t kApiBodyBytes = 4 * 1024 * 1024;
// Connections to the API. A scraper, a script, a load balancer and some hundred peers that wait for
// long calls; more is a fault of theirs, and each may hold a body.
inline constexpr std::size_t kApiConnections = 256;
// A response that nobody reads, or a call that runs, when the server ends: how long it may hold
// up the end.
inline constexpr std::chrono::milliseconds kApiGrace{1000};
// What is read and dropped behind an answer that closes the connection: a client that sends a body
// too large sends it all before it looks for an answer.
inline constexpr std::size_t kApiLingerBytes = 16 * 1024 * 1024;
// Sessions that one turn of a worker looks at for a listing: some dozen microseconds.
inline constexpr std::size_t kSessionWalkSlice = 64;
// Sessions that could be looked at for one that is ended: two cancels, two closes, two resets. And
// newer kernels complete about twenty cancelled operations of io_uring in a turn, whatever else is
// ready: with more, all relays would wait until the last session has ended.
inline constexpr std::size_t kSessionKillCost = 8;
// Clients of GET /sessions/stream: some screens. And for each of them, events that it has not read.
inline constexpr std::size_t kSessionStreams = 16;
inline constexpr std::size_t kSessionStreamBytes = 256 * 1024;
inline constexpr int kSessionStreamSendBytes = 64 * 1024;
// Events that one worker tells in a turn: as many sessions as can well end in one.
inline constexpr std::size_t kSessionEventsTurn = 1024;
// How often a stream tells of rates, if not asked for otherwise, and at most.
inline constexpr std::chrono::seconds kSessionRatesTime{5};
inline constexpr std::chrono::milliseconds kSessionRatesTimeMin{1000};
// Rows of one page of GET /sessions, if not asked for otherwise, and at most.
inline constexpr std::size_t kSessionPageRows = 100;
inline constexpr std::size_t kSessionPageRowsMax = 1000;
// Rows that are written as JSON before the control loop looks at its other work.
inline constexpr std::size_t kSessionRowsTurn = 32;
// How often sessions that are to be ended are looked for while relays move between workers.
inline constexpr int kSessionKillRounds = 4;
// Sessions whose bytes are remembered from one listing to the next, for their rates.
inline constexpr std::size_t kSessionSamples = 16384;
inline constexpr std::chrono::seconds kSessionSampleTime{60};
// RPC bodies from this size on are compressed, as 1.4.2 does.
inline constexpr std::size_t kRpcCompressBytes = 256;
// Outgoing calls, and one-way messages, in flight: a script that starts more in one go is in a
// loop, and each has a descriptor. A further call fails, a further message is dropped.
inline constexpr std::size_t kRpcCalls = 256;
inline constexpr std::size_t kRpcMessages = 256;
// --api-token-file: some dozen tokens.
inline constexpr std::size_t kTokenFileBytes = 64 * 1024;

// What `ctl` reads of an answer: 100,000 sessions as JSON are about 40 MiB. Objects within objects
// of it: the API's have three.
inline constexpr std::size_t kCtlAnswerBytes = 128 * 1024 * 1024;
inline constexpr int kCtlJsonDepth = 32;
// Sessions that `ctl top` looks at each second, to find the busiest: ten requests.
inline constexpr std::size_t kCtlTopSessions = 10'000;
// How long it waits for an answer before it says that there is none.
inline constexpr std::chrono::seconds kCtlTopTimeout{5};
// A file of code that `ctl` reads, before it is compressed: what the server would inflate.
inline constexpr std::size_t kCtlCodeBytes = kInflatedBytes;

// Routines that are kept for the next request: a Lua thread is about 1 KiB. More than this at once
// means that rules wait for something, and then a new thread costs nothing beside.
inline constexpr std::size_t kIdleRoutines = 256;
// How long routines that are ready may keep the control loop from its other work.
inline constexpr std::chrono::milliseconds kRoutinesTurn{5};
// Lines that a script writes while a request is explained; rules that log write some.
inline constexpr std::size_t kTranscriptLines = 200;
// Hops in what a rule returns, the address among them, and bytes of each: as later versions of the
// predecessor.
inline constexpr std::size_t kRouteValues = 255;
inline constexpr std::size_t kRouteValueBytes = 1024;
// A script or list of rules read from a file: what is larger is not one.
inline constexpr std::size_t kScriptBytes = 256 * 1024 * 1024;
// --lua-watchdog.
inline constexpr double kWatchdogSecondsMax = 86400;
// await.sleep and setinterval, lua.md sections 3.2 and 4.
inline constexpr double kSleepSecondsMax = 1e9;
inline constexpr double kIntervalSecondsMin = 1e-3;

// Native sets of rules. Text of all names that a set is built from: the largest public lists have
// 100 MiB, and offsets have 32 bits.
inline constexpr std::size_t kSetTextBytes = 1024 * 1024 * 1024;
// A list file, unpacked: the same.
inline constexpr std::size_t kListFileBytes = 1024 * 1024 * 1024;
// A line of one: a hosts file may have some names for one address, a comment may be long.
inline constexpr std::size_t kListLineBytes = 4096;
// Labels of a domain tree, one inside another: as many as a name can have.
inline constexpr int kDomainTreeDepth = 128;

// --access-log. Lines that wait for the disk: some 30,000, which is a second of the highest rate
// and minutes of a usual one. A disk that stalls for longer is in trouble; then lines are dropped,
// not sessions held up.
inline constexpr std::size_t kAccessLogBufferBytes = 8 * 1024 * 1024;
// What one write(2) brings, unless a line is longer: few calls, and what a full disk interrupts
// stays small.
inline constexpr std::size_t kAccessLogBlockBytes = 64 * 1024;
// How late a line may be, and after how long a file that took none is tried again.
inline constexpr std::chrono::milliseconds kAccessLogDelay{1000};
// How long a disk that does not answer may hold up the end.
inline constexpr std::chrono::milliseconds kAccessLogGrace{3000};
// Of one field; longer ones are cut. Paths of requests have up to 8 KiB, which no reader wants.
inline constexpr std::size_t kAccessLogFieldBytes = 1024;

}  // namespace neosocksd::limits
