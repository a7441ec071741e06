-- A load balancer for one TCP service, with weights that change while it runs.
--
--     neosocksd -l 0.0.0.0:80 -f : --api 127.0.0.1:9080 -r lb.lua
--
-- With `-f :` there is no proxy protocol: every connection asks for ":0", and the rules say where
-- it goes. Weights are changed by RPC, see rpc.sh; a weight of 0 drains a backend (connections that
-- exist go on):
--
--     rpc.sh http://127.0.0.1:9080 'rpc.set_weight("192.0.2.11:80", 0)'
--     rpc.sh http://127.0.0.1:9080 'rpc.set_backends({["192.0.2.13:80"]=10})'

_G.libruleset = require("libruleset")

-- Kept when this file is loaded again: what was set by RPC goes on.
_G.backends = _G.backends or {
    ["192.0.2.11:80"] = 100,
    ["192.0.2.12:80"] = 50,
}

local function rebuild()
    local addrs = list:new()
    for addr in pairs(backends) do addrs:insert(addr) end
    addrs:sort()
    local entries = {}
    for i, addr in addrs:iter() do
        entries[i] = { backends[addr], rule.redirect(addr) }
    end
    -- Assigned at once: requests see the old balancer or the new one. Nothing left: reject.
    _G.route_default = { lb.iwrr(entries) }
end

-- Sets the weight of one backend and returns the previous one. An unknown address is added.
function rpc.set_weight(addr, weight)
    logf("set_weight(%s)", marshal(addr, weight))
    assert(type(addr) == "string" and addr:find(":"), "address expected")
    assert(type(weight) == "number" and weight >= 0, "weight expected")
    local previous = backends[addr]
    backends[addr] = weight
    rebuild()
    return previous
end

-- Replaces all backends, {["address"] = weight}, and returns the previous table.
function rpc.set_backends(t)
    logf("set_backends(%s)", marshal(t))
    assert(type(t) == "table", "table expected")
    for addr, weight in pairs(t) do
        assert(type(addr) == "string" and addr:find(":"), "address expected")
        assert(type(weight) == "number" and weight >= 0, "weight expected")
    end
    local previous = backends
    _G.backends = t
    rebuild()
    return previous
end

local function main()
    rebuild()
    neosocksd.setinterval(60)
    logf("ruleset loaded, interpreter: %s", _VERSION)
    return libruleset
end

return main()
