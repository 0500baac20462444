# envmgr activation: PATH and variables follow the directory.
#
# A plan, which `envmgr hook` prints and writes for all shells, is a JSON document: the environment of a project, and the
# inputs that are compared at each prompt. Exported variables __ENVMGR_* record what was changed, so that a shell started
# by this one can restore it.

use path
use str

try { eval __envmgr-deactivate stderr>/dev/null } catch e { }

var home = @HOME@
var plans = @PLANS@
var python = @PYTHON@
var site = @SITE@
var code = @START@

var place = '' # working directory and ENVMGR_HOME of the last search
var seen = '' # the same with PATH, after the last update
var above = [] # files that are absent below the nearest project
var current = [&settled=$false] # the plan
var before = [] # PATH before and after the directories of the plan were added
var after = []
var past = [] # directories of former plans
var notes = []

fn value-of {|name|
    if (has-env $name) { get-env $name } else { put '' }
}

fn path-entries {
    put [(str:split : (value-of PATH))]
}

fn set-entries {|entries|
    set-env PATH (str:join : $entries)
}

fn is-file {|file|
    path:is-regular &follow-symlink=$true $file
}

fn is-same {|item|
    var exists = (is-file $item[path])
    if (and $exists (not-eq $item[mtime_ns] '')) {
        var content = (slurp < $item[path])
        if (has-key $item bytes) {
            eq (str:join ' ' [(str:to-utf8-bytes $content)]) $item[bytes]
        } else {
            eq $content $item[content]
        }
    } else {
        eq $exists (not-eq $item[mtime_ns] '')
    }
}

fn is-current {|plan|
    if (or (not $plan[settled]) (and (not-eq $plan[mark] '') (not (is-file $plan[mark])))) {
        put $false
        return
    }
    for name [(keys $plan[variables])] {
        if (not-eq (value-of $name) $plan[variables][$name]) {
            put $false
            return
        }
    }
    for item $plan[inputs] {
        if (not (is-same $item)) {
            put $false
            return
        }
    }
    for directory [(keys $plan[directories])] {
        if (not-eq (path:is-dir &follow-symlink=$true $directory) $plan[directories][$directory]) {
            put $false
            return
        }
    }
    put $true
}

# Output the path of the plan of the nearest project, and the files that are absent below it.
fn search {|directory|
    var rest = (str:trim-suffix $directory /)
    var ceilings = [(each $path:clean~ [(str:split : (value-of ENVMGR_CEILING))])] # as envmgr normalizes them
    var absent = []
    while $true {
        if (is-file $rest'/.envmgr') {
            put $plans$rest'/.activate-elvish.plan' $absent
            return
        }
        set absent = (conj $absent $rest'/.envmgr')
        if (or (eq $rest '') (has-value $ceilings $rest)) {
            put $plans'/.activate-elvish.global' $absent
            return
        }
        set rest = (str:trim-suffix (path:dir $rest) /)
    }
}

# Run envmgr for a plan; after a failure, which it reports, the next change of directory tries again.
fn resolve {
    var root = (value-of ENVMGR_HOME)
    if (eq $root '') { set root = $home }
    try {
        if (and (is-file $python) (is-file $site'/envmgr/__init__.py')) {
            (external /usr/bin/env) ENVMGR_HOME=$root $python -I -c $code $site hook elvish < /dev/null | from-json
        } else {
            (external /usr/bin/env) ENVMGR_HOME=$root envmgr hook elvish < /dev/null | from-json
        }
    } catch e {
        put [&settled=$true &mark='' &project='' &note='' &path=[] &exports=[&] &variables=[&] &inputs=[] &directories=[&]]
    }
}

fn load {|file|
    var plan = [&settled=$false]
    if (and (has-value ['' $home] (value-of ENVMGR_HOME)) (is-file $file)) {
        try { set plan = (from-json < $file) } catch e { }
    }
    if (is-current $plan) { put $plan } else { resolve }
}

# Output the indices at which directories are adjacent.
fn positions {|entries dirs|
    var size = (count $dirs)
    for index [(range (count $entries))] {
        var end = (+ $index $size)
        if (and (<= $end (count $entries)) (eq [(all $entries | drop $index | take $size)] $dirs)) { put $index }
    }
}

# Output a PATH without the first directories, adjacent or not; the only ones stay if they were there before.
fn without {|entries dirs|
    var places = [(positions $entries $dirs)]
    if (eq $places []) {
        if (> (count $dirs) 1) {
            for entry $dirs { set entries = (without $entries [$entry]) }
        }
    } elif (or (> (count $places) 1) (eq [(positions $before $dirs)] [])) {
        var first = $places[0]
        set entries = [(all $entries[..$first]) (all $entries[(+ $first (count $dirs))..])]
    }
    put $entries
}

fn starts-with {|entries dirs|
    and (<= (count $dirs) (count $entries)) (eq $entries[..(count $dirs)] $dirs)
}

# Output a PATH without former directories that another program has put back in front.
fn without-past {|entries|
    for dirs $past {
        if (and (starts-with $entries $dirs) (not-eq $dirs $current[path])) {
            set entries = $entries[(count $dirs)..]
        }
    }
    put $entries
}

fn restore-path {
    if (eq (value-of __ENVMGR_FRONT) '') { return }
    var dirs = [(str:split : (get-env __ENVMGR_FRONT))]
    if (eq (path-entries) $after) {
        set-entries $before
    } else {
        set-entries (without (path-entries) $dirs)
    }
    if (not (has-value $past $dirs)) { set past = (conj $past $dirs) }
}

fn prepend-path {
    set before = (path-entries)
    if (not-eq $current[path] []) { set-entries [(all $current[path]) (all $before)] }
    set after = (path-entries)
}

# Restore the variables that the user has not changed; output the others, in the same project.
fn restore-variables {|project|
    var kept = []
    for name [(str:split ' ' (value-of __ENVMGR_NAMES))] {
        if (eq $name '') { continue }
        var new = __ENVMGR_NEW_$name
        var old = __ENVMGR_OLD_$name
        if (and (has-env $name) (eq (value-of $name) (value-of $new))) {
            if (has-env $old) { set-env $name (get-env $old)[1..] } else { unset-env $name }
        } elif (eq (value-of __ENVMGR_PROJECT) $project) {
            set kept = (conj $kept $name)
            continue
        }
        unset-env $new
        unset-env $old
    }
    put $kept
}

fn forget {
    for name [FRONT PROJECT NAMES] { unset-env __ENVMGR_$name }
}

fn apply {
    restore-path
    set-entries (without-past (path-entries))
    var names = (restore-variables $current[project])
    prepend-path
    for name [(keys $current[exports])] {
        if (has-value $names $name) { continue }
        if (has-env $name) { set-env __ENVMGR_OLD_$name x(get-env $name) }
        set-env $name $current[exports][$name]
        set-env __ENVMGR_NEW_$name $current[exports][$name]
        set names = (conj $names $name)
    }
    if (or (not-eq $current[path] []) (not-eq $names [])) {
        set-env __ENVMGR_FRONT (str:join : $current[path])
        set-env __ENVMGR_PROJECT $current[project]
        set-env __ENVMGR_NAMES (str:join ' ' $names)
    } else {
        forget
    }
    if (and (not-eq $current[note] '') (not (has-value $notes $current[note]))) {
        set notes = (conj $notes $current[note])
        echo $current[note] >&2
    }
}

fn repair-path {
    if (eq (path-entries) $before) {
        prepend-path
        return
    }
    var entries = (without-past (path-entries))
    set-entries $entries
    if (not (str:contains :(str:join : $entries): :(str:join : $current[path]):)) {
        set-entries (without $entries $current[path])
        prepend-path
    }
}

fn update {
    if (not (path:is-dir &follow-symlink=$true $pwd)) { return } # of a removed directory, the project is unknown
    var here = $pwd':'(value-of ENVMGR_HOME)
    var is-known = (and (eq $here $place) (not (or $false (each $is-file~ $above))) (is-current $current))
    if (and $is-known (eq $here':'(value-of PATH) $seen)) { return }
    if $is-known {
        repair-path
    } else {
        set place = $here
        var file = ''
        set file above = (search $pwd)
        set current = (load $file)
        apply
    }
    set seen = $here':'(value-of PATH)
}

fn prompt { update }
fn change {|_| update }

fn deactivate {
    set edit:before-readline = [(each {|hook| if (not-eq $hook $prompt~) { put $hook } } $edit:before-readline)]
    set after-chdir = [(each {|hook| if (not-eq $hook $change~) { put $hook } } $after-chdir)]
    restore-path
    nop (restore-variables -)
    forget
    edit:del-vars [envmgr~ __envmgr-deactivate~]
}

set edit:before-readline = [$@edit:before-readline $prompt~]
set after-chdir = [$@after-chdir $change~]
edit:add-vars [&__envmgr-deactivate~=$deactivate~ &envmgr~={|@arguments|
    if (eq $arguments [deactivate]) { deactivate } else { (external envmgr) $@arguments }
}]
update
