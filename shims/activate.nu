# envmgr activation: PATH and variables follow the directory.
#
# This code runs as a hook of the first prompt, and replaces that by one that only calls `hook`. A plan, which
# `envmgr hook` prints and writes for all shells, is a JSON document: the environment of a project, and the inputs that
# are compared at each prompt. Exported variables __ENVMGR_* record what was changed, so that a shell started by this one
# can restore it; `$env.__envmgr`, a record, is not exported.

module __envmgr {
    const home = @HOME@
    const plans = @PLANS@
    const python = @PYTHON@
    const site = @SITE@
    const start = @START@
    const initial = {
        place: [] # working directory and ENVMGR_HOME of the last search
        seen: [] # the same with PATH, after the last update
        above: [] # files that are absent below the nearest project
        plan: { settled: false }
        before: [] # PATH before and after the directories of the plan were added
        after: []
        past: [] # directories of former plans
        values: {} # former values that are not text
        notes: []
    }

    def value-of [name: string] { $env | get --optional $name | default '' | into string }

    def to-entries [] { if ($in | describe) == string { split row (char esep) } else { $in } }

    def path-entries [] { $env.PATH | to-entries }

    # Return the kind of a file or directory, links followed; empty if there is none.
    def kind-of [path: string] {
        let kind = try { $path | path type | default '' } catch { '' } # below a file
        if $kind == symlink { $path | path expand | path type | default '' } else { $kind }
    }

    def is-file [path: string] { (kind-of $path) == file }

    def is-directory [path: string] { (kind-of $path) == dir }

    # Return the time of a file in nanoseconds as text, empty if there is none.
    def mtime [path: string] {
        if not (is-file $path) { return '' }
        try { ls --directory ($path | path expand) | get 0.modified | into int | into string } catch { '' }
    }

    def is-current [plan: record] {
        if not $plan.settled or ($plan.mark != '' and not (is-file $plan.mark)) { return false }
        for item in ($plan.variables | transpose name value) {
            if (value-of $item.name) != $item.value { return false }
        }
        for item in $plan.inputs {
            if (mtime $item.path) != $item.mtime_ns { return false }
        }
        for item in ($plan.directories | transpose path exists) {
            if (is-directory $item.path) != $item.exists { return false }
        }
        true
    }

    # Return the path of the plan of the nearest project, and the files that are absent below it.
    def search [directory: string] {
        let ceilings = value-of ENVMGR_CEILING | split row (char esep) | where { $in != '' } | each {|path|
            $path | path expand --no-symlink | str trim --right --char '/'
        }
        mut directory = $directory
        mut above = []
        loop {
            let file = $directory | path join .envmgr
            if (is-file $file) {
                return { file: $"($plans)($directory | str trim --right --char '/')/.activate-json.plan", above: $above }
            }
            $above = $above | append $file
            let parent = $directory | path dirname
            if $parent == $directory or $parent == '' or ($directory | str trim --right --char '/') in $ceilings {
                return { file: $"($plans)/.activate-json.global", above: $above }
            }
            $directory = $parent
        }
    }

    # Run envmgr for a plan; after a failure, which it reports, the next change of directory tries again.
    def resolve [] {
        let root = value-of ENVMGR_HOME
        let words = if (is-file $python) and (is-file $"($site)/envmgr/__init__.py") {
            [$python -I -c $start $site]
        } else {
            [envmgr]
        }
        try {
            with-env { ENVMGR_HOME: (if $root == '' { $home } else { $root }) } {
                '' | run-external ...$words hook nu | from json
            }
        } catch {
            if $words == [envmgr] and (which --all envmgr | where type == external | is-empty) {
                print --stderr 'envmgr: command not found: envmgr'
            }
            { settled: true mark: '' project: '' note: '' path: [] exports: {} variables: {} inputs: [] directories: {} }
        }
    }

    def load [file: string] {
        let plan = if (value-of ENVMGR_HOME) in ['' $home] and (is-file $file) {
            try { open --raw $file | from json } catch { $initial.plan }
        } else {
            $initial.plan
        }
        if (is-current $plan) { $plan } else { resolve }
    }

    # Return the indices at which directories are adjacent.
    def positions [entries: list, dirs: list] {
        let size = $dirs | length
        if $size == 0 or $size > ($entries | length) { return [] }
        $entries | window $size | enumerate | where item == $dirs | get index
    }

    # Return a PATH without the first directories, adjacent or not; the only ones stay if they were there before.
    def remove [entries: list, dirs: list] {
        let places = positions $entries $dirs
        if ($places | length) > 1 or (($places | is-not-empty) and (positions $env.__envmgr.before $dirs | is-empty)) {
            return (($entries | first $places.0) ++ ($entries | skip ($places.0 + ($dirs | length))))
        }
        if ($places | is-empty) and ($dirs | length) > 1 {
            return ($dirs | reduce --fold $entries {|entry, rest| remove $rest [$entry] })
        }
        $entries
    }

    # Return a PATH without former directories that another program has put back in front.
    def remove-past [entries: list] {
        let current = $env.__envmgr.plan.path? | default []
        $env.__envmgr.past | reduce --fold $entries {|dirs, rest|
            if $dirs != $current and ($rest | first ($dirs | length)) == $dirs { $rest | skip ($dirs | length) } else { $rest }
        }
    }

    def --env restore-path [] {
        let front = value-of __ENVMGR_FRONT
        if $front == '' { return }
        let dirs = $front | split row (char esep)
        let entries = path-entries
        $env.PATH = if $entries == $env.__envmgr.after { $env.__envmgr.before } else { remove $entries $dirs }
        if $dirs not-in $env.__envmgr.past { $env.__envmgr.past ++= [$dirs] }
    }

    def --env prepend-path [] {
        $env.__envmgr.before = path-entries
        if ($env.__envmgr.plan.path | is-not-empty) { $env.PATH = $env.__envmgr.plan.path ++ $env.__envmgr.before }
        $env.__envmgr.after = path-entries
    }

    # Restore the variables that the user has not changed; record the names of the others, in the same project.
    def --env restore-variables [project: string] {
        mut kept = []
        for name in (value-of __ENVMGR_NAMES | split row ' ' | where { $in != '' }) {
            let new = $"__ENVMGR_NEW_($name)"
            let old = $"__ENVMGR_OLD_($name)"
            if $name in $env and (value-of $name) == (value-of $new) {
                if $name in $env.__envmgr.values {
                    load-env { $name: ($env.__envmgr.values | get $name) }
                } else if $old in $env {
                    load-env { $name: (value-of $old | str substring 1..) }
                } else {
                    hide-env --ignore-errors $name
                }
            } else if (value-of __ENVMGR_PROJECT) == $project {
                $kept ++= [$name]
                continue
            }
            $env.__envmgr.values = $env.__envmgr.values | reject --optional $name
            hide-env --ignore-errors $new $old
        }
        $env.__ENVMGR_NAMES = $kept | str join ' '
    }

    def --env export-variable [name: string, value: string] {
        if $name in $env {
            let former = $env | get $name
            if ($former | describe) != string { $env.__envmgr.values = $env.__envmgr.values | upsert $name $former }
            load-env { $"__ENVMGR_OLD_($name)": $"x(value-of $name)" }
        }
        load-env { $name: $value, $"__ENVMGR_NEW_($name)": $value }
        $env.__ENVMGR_NAMES = $env.__ENVMGR_NAMES | split row ' ' | where { $in != '' } | append $name | str join ' '
    }

    def --env forget [] { hide-env --ignore-errors __ENVMGR_FRONT __ENVMGR_PROJECT __ENVMGR_NAMES }

    def --env apply [] {
        let plan = $env.__envmgr.plan
        restore-path
        $env.PATH = remove-past (path-entries)
        restore-variables $plan.project
        let kept = $env.__ENVMGR_NAMES | split row ' '
        prepend-path
        for item in ($plan.exports | transpose name value) {
            if $item.name not-in $kept { export-variable $item.name $item.value }
        }
        if ($plan.path | is-not-empty) or $env.__ENVMGR_NAMES != '' {
            $env.__ENVMGR_FRONT = $plan.path | str join (char esep)
            $env.__ENVMGR_PROJECT = $plan.project
        } else {
            forget
        }
        if $plan.note != '' and $plan.note not-in $env.__envmgr.notes {
            $env.__envmgr.notes ++= [$plan.note]
            print --stderr $plan.note
        }
    }

    def --env repair-path [] {
        let dirs = $env.__envmgr.plan.path
        if (path-entries) == $env.__envmgr.before {
            prepend-path
            return
        }
        let entries = remove-past (path-entries)
        $env.PATH = $entries
        if ($dirs | is-not-empty) and (positions $entries $dirs | is-empty) {
            $env.PATH = remove $entries $dirs
            prepend-path
        }
    }

    def --env update [] {
        if not (is-directory $env.PWD) { return } # of a removed directory, the project is unknown
        let place = [$env.PWD (value-of ENVMGR_HOME)]
        let state = $env.__envmgr
        let is_known = $place == $state.place and not ($state.above | any {|file| is-file $file }) and (is-current $state.plan)
        if $is_known and $state.seen == [$place (path-entries)] { return }
        if $is_known {
            repair-path
        } else {
            let nearest = search $env.PWD
            $env.__envmgr.place = $place
            $env.__envmgr.above = $nearest.above
            $env.__envmgr.plan = load $nearest.file
            apply
        }
        $env.__envmgr.seen = [$place (path-entries)]
    }

    # Return whether a hook is envmgr's: the activation code, or the record that `activate` adds.
    def is-own [hook: any] {
        if not ($hook | describe | str starts-with record) { return false }
        ($hook.envmgr? | default false) or (try { $hook.code | str starts-with '# envmgr activation:' } catch { false })
    }

    def other-hooks [] { $env.config.hooks.pre_prompt? | default [] | where {|hook| not (is-own $hook) } }

    export def --env activate [] {
        if __envmgr in $env { deactivate }
        $env.__envmgr = $initial
        $env.config.hooks.pre_prompt = (other-hooks) ++ [{ envmgr: true, code: {|| hook } }]
        update
    }

    export def --env hook [] {
        if __envmgr in $env { update } # not in a hook that another program has saved
    }

    export def --env deactivate [] {
        $env.config.hooks.pre_prompt = other-hooks
        restore-path
        restore-variables '-' # no directory: variables that the user has changed stay as they are
        forget
        hide-env --ignore-errors __envmgr
    }

    # Run envmgr; `envmgr deactivate` restores the environment of this shell.
    export def --env --wrapped main [...args] {
        if $args == [deactivate] and __envmgr in $env { deactivate } else { ^envmgr ...$args }
    }
}

use __envmgr
__envmgr activate
alias envmgr = __envmgr
