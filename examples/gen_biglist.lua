-- Makes three long lists into one script for a running server. Not a ruleset: run it with Lua.
--
--     lua5.4 gen_biglist.lua CIDR4 CIDR6 DOMAINS > biglist.lua
--     gzip biglist.lua
--     curl -H 'Content-Encoding: gzip' --data-binary @biglist.lua.gz \
--         http://127.0.0.1:9080/ruleset/invoke
--
-- CIDR4 and CIDR6 are text files with a prefix a line. A line of DOMAINS is a domain (with all
-- below it), full:HOST, or regexp:PATTERN. Lines that are something else are skipped.
--
-- The script sets _G.biglist, _G.biglist6 and _G.biglist_name, which rules pick up by
-- composite.maybe(_G, "biglist"). If the server can read the files itself, this is not needed:
-- match.domain_file() and inet.subnet_file() load a list as it is, with less memory.

local function lines_of(path)
    local file, problem = io.open(path, "r")
    if not file then
        io.stderr:write(problem, "\n")
        os.exit(1)
    end
    local lines = {}
    for line in file:lines() do
        lines[#lines + 1] = line:gsub("\r$", ""):match("^%s*(.-)%s*$")
    end
    file:close()
    return lines
end

-- The server has marshal() for this.
local function write_list(out, list)
    out[#out + 1] = "{"
    for _, text in ipairs(list) do out[#out + 1] = string.format("%q,", text) end
    out[#out + 1] = "}"
end

local function write_tree(out, tree)
    out[#out + 1] = "{"
    local labels = {}
    for label in pairs(tree) do labels[#labels + 1] = label end
    table.sort(labels)
    for _, label in ipairs(labels) do
        out[#out + 1] = string.format("[%q]=", label)
        if tree[label] == true then
            out[#out + 1] = "true"
        else
            write_tree(out, tree[label])
        end
        out[#out + 1] = ","
    end
    out[#out + 1] = "}"
end

local function prefixes(path)
    local list = {}
    for _, line in ipairs(lines_of(path)) do
        if line:find("^[%x.:]+/%d+$") then list[#list + 1] = line end
    end
    return list
end

-- Adds a domain to a tree of labels from the top level down; a domain covers all below it.
local function add_domain(tree, domain)
    local labels = {}
    for label in domain:gmatch("[^.]+") do table.insert(labels, 1, label) end
    for i, label in ipairs(labels) do
        if tree[label] == true then return end
        if i == #labels then
            tree[label] = true
        else
            tree[label] = tree[label] or {}
            tree = tree[label]
        end
    end
end

local function domains(path)
    local tree, hosts, patterns = {}, {}, {}
    for _, line in ipairs(lines_of(path)) do
        local kind, text = line:match("^(%l+):(.+)$")
        if kind == "full" then
            hosts[#hosts + 1] = text:lower()
        elseif kind == "regexp" then
            -- Rules match the pattern against "host:port", and POSIX has no \d.
            patterns[#patterns + 1] = text:gsub("\\d", "[0-9]"):gsub("%$$", ":[0-9]+$")
        elseif not kind and line:find("^[%w_.-]*[%w_-]$") then
            add_domain(tree, line:lower())
        end
    end
    return tree, hosts, patterns
end

local function main(cidr4, cidr6, names)
    if not names then
        io.stderr:write("usage: lua gen_biglist.lua CIDR4 CIDR6 DOMAINS > biglist.lua\n")
        os.exit(1)
    end
    local tree, hosts, patterns = domains(names)
    local out = { "_G.biglist = inet.subnet(" }
    write_list(out, prefixes(cidr4))
    out[#out + 1] = ")\n_G.biglist6 = inet6.subnet("
    write_list(out, prefixes(cidr6))
    out[#out + 1] = ")\n_G.biglist_name = composite.anyof({ match.domaintree("
    write_tree(out, tree)
    out[#out + 1] = "), match.host("
    write_list(out, hosts)
    out[#out + 1] = "), match.regex("
    write_list(out, patterns)
    out[#out + 1] = ") })\n"
    io.stdout:write(table.concat(out))
end

main(...)
