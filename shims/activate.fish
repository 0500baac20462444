# envmgr activation: PATH and variables follow the directory.
#
# A plan, which `envmgr hook` prints and writes for all shells, sets the variables of a project and defines
# `__envmgr_is_current`, which checks at each prompt whether the plan's inputs are unchanged: no process is started.
# Exported variables __ENVMGR_* record what was changed, so that a shell started by this one can restore it.

functions -q __envmgr_deactivate; and __envmgr_deactivate

set -g __envmgr_home @HOME@
set -g __envmgr_plans @PLANS@
set -g __envmgr_seen # working directory, ENVMGR_HOME and PATH after the last update
set -g __envmgr_place # working directory and ENVMGR_HOME of the last search
set -g __envmgr_plan # path of its plan
set -g __envmgr_above # arguments of `test` by which the plan is still that of the nearest project
set -g __envmgr_before # PATH before and after the directories of the plan were added
set -g __envmgr_after
set -g __envmgr_past # directories of former plans
set -g __envmgr_notes
set -g __envmgr_kept
set -g __envmgr_names
set -g __envmgr_project
set -g __envmgr_dirs
set -g __envmgr_note

function __envmgr_is_current
    return 1
end

function __envmgr_set_variables
end

function __envmgr_resolve -d 'Print the plan of the working directory'
    set -l root $ENVMGR_HOME
    test -n "$root"; or set root $__envmgr_home
    if test -x @PYTHON@ -a -f @SITE@/envmgr/__init__.py
        ENVMGR_HOME=$root @PYTHON@ -I -c @START@ @SITE@ hook fish </dev/null
    else
        ENVMGR_HOME=$root command envmgr hook fish </dev/null
    end
end

function __envmgr_search -d 'Find the nearest .envmgr, and set the path of its plan'
    set -l parts (string split / -- $PWD)
    test "$PWD" = /; and set parts ''
    set -l ceilings (string split : -- $ENVMGR_CEILING)
    set -g __envmgr_above
    while true
        set -l dir (string join / -- $parts | string collect)
        if test -f "$dir/.envmgr"
            set -g __envmgr_plan "$__envmgr_plans$dir/.activate-fish.plan"
            break
        end
        set -ga __envmgr_above -a ! -f "$dir/.envmgr"
        if test -z "$dir"; or contains -- "$dir" $ceilings
            set -g __envmgr_plan "$__envmgr_plans/.activate-fish.global"
            break
        end
        set -e parts[-1]
    end
    # envmgr normalizes paths: it may find another project.
    if string match -qr '//|/\.{1,2}(/|$)|./$' -- "$PWD"
        or string match -qr '//|/\.{1,2}(/|:|$)|[^:]/(:|$)|(^|:)[^:/]' -- "$ENVMGR_CEILING"
        set -g __envmgr_plan ''
    end
end

function __envmgr_load -d 'Source the plan if it is current, else make a new one'
    function __envmgr_is_current
        return 1
    end
    if test -r "$__envmgr_plan"; and begin
            test -z "$ENVMGR_HOME"; or test "$ENVMGR_HOME" = "$__envmgr_home"
        end
        source $__envmgr_plan 2>/dev/null
    end
    __envmgr_is_current; and return
    set -l code (__envmgr_resolve | string collect)
    if test -n "$code"
        eval $code
    else # it has printed the error; the next change of directory tries again
        function __envmgr_is_current
        end
        function __envmgr_set_variables
        end
        set -g __envmgr_project ''
        set -g __envmgr_dirs
        set -g __envmgr_note ''
    end
end

function __envmgr_find_dirs -a size -d 'Print where the first SIZE of the other arguments are adjacent among the rest'
    set -l dirs $argv[2..(math $size + 1)]
    set -l entries $argv[(math $size + 2)..-1]
    set -l text (string join : -- $dirs | string collect)
    set -l first 0
    while set -l index (contains -i -- $dirs[1] $entries[(math $first + 1)..-1])
        set first (math $first + $index)
        set -l here (string join : -- $entries[$first..(math $first + $size - 1)] | string collect)
        test "$here" = "$text"; and echo $first
    end
end

# Remove the directories of a plan from PATH. Where they are no longer adjacent, remove the first of each. The only
# ones stay if they were there before: another program has restored the PATH that it saved.
function __envmgr_remove_dirs
    set -l size (count $argv)
    set -l places (__envmgr_find_dirs $size $argv $PATH)
    set -l places_before (__envmgr_find_dirs $size $argv $__envmgr_before)
    if set -q places[1]; and not set -q places_before[1]; or set -q places[2]
        set -e PATH[$places[1]..(math $places[1] + $size - 1)]
    else if not set -q places[1]; and test $size -gt 1
        for entry in $argv
            __envmgr_remove_dirs $entry
        end
    end
end

# Remove the directories of a former plan that another program has put back with the PATH that it saved.
function __envmgr_remove_past
    set -l current (string join : -- $__envmgr_dirs | string collect)
    for line in $__envmgr_past
        set -l dirs (string split : -- $line)
        set -l last (count $dirs)
        if test "$PATH[1..$last]" = "$line"; and test "$line" != "$current"
            __envmgr_remove_dirs $dirs
        end
    end
end

function __envmgr_restore_path
    test -n "$__ENVMGR_FRONT"; or return
    if test "$PATH" = "$__envmgr_after"
        set -gx PATH $__envmgr_before
    else
        __envmgr_remove_dirs (string split : -- $__ENVMGR_FRONT)
    end
    contains -- $__ENVMGR_FRONT $__envmgr_past; or set -ga __envmgr_past $__ENVMGR_FRONT
end

function __envmgr_prepend_dirs
    set -g __envmgr_before $PATH
    set -q __envmgr_dirs[1]; and set -gx PATH $__envmgr_dirs $PATH
    set -g __envmgr_after "$PATH"
end

function __envmgr_repair_path -d 'Put the directories of the plan back into a PATH that was changed by something else'
    set -l before (string join : -- $__envmgr_before | string collect)
    if test "$PATH" != "$before"
        __envmgr_remove_past
        set -q __envmgr_dirs[1]; or return
        set -l places (__envmgr_find_dirs (count $__envmgr_dirs) $__envmgr_dirs $PATH)
        set -q places[1]; and return
        __envmgr_remove_dirs $__envmgr_dirs
    end
    __envmgr_prepend_dirs
end

# Restore the variables that still have the value that the last plan set. Others the user has changed: in the same
# project, `__envmgr_kept` names them and they stay as they are; elsewhere they are no longer envmgr's.
function __envmgr_restore_variables
    set -g __envmgr_kept
    for name in (string split -n ' ' -- $__ENVMGR_NAMES)
        string match -qr '^[A-Za-z_][A-Za-z0-9_]*$' -- $name; or continue
        set -l new __ENVMGR_NEW_$name
        set -l old __ENVMGR_OLD_$name
        if set -q $name; and test "$$name" = "$$new"
            set -eg $name
            switch "$$old"
                case 'x*'
                    set -gx $name (string sub -s 2 -- $$old | string collect)
                case '-*'
                    set -g $name (string sub -s 2 -- $$old | string collect)
            end
        else if test "$__ENVMGR_PROJECT" = "$__envmgr_project"
            set -ga __envmgr_kept $name
            continue
        end
        set -e $new
        set -e $old
    end
    set -g __envmgr_names $__envmgr_kept
end

# Called by plans with a name and a value. The recorded value begins with x if the variable was exported, with - if it was
# not; there is none if it was not global, so that a universal one shows again once the global one is erased.
function __envmgr_export
    contains -- $argv[1] $__envmgr_kept; and return
    if set -qgx $argv[1]
        set -gx __ENVMGR_OLD_$argv[1] "x$$argv[1]"
    else if set -qg $argv[1]
        set -gx __ENVMGR_OLD_$argv[1] "-$$argv[1]"
    end
    set -gx $argv[1] $argv[2]
    set -gx __ENVMGR_NEW_$argv[1] $argv[2]
    set -ga __envmgr_names $argv[1]
end

function __envmgr_apply
    __envmgr_restore_path
    __envmgr_remove_past
    __envmgr_restore_variables
    __envmgr_prepend_dirs
    __envmgr_set_variables
    if test -n "$__envmgr_dirs$__envmgr_names"
        set -gx __ENVMGR_FRONT (string join : -- $__envmgr_dirs | string collect)
        set -gx __ENVMGR_PROJECT $__envmgr_project
        set -gx __ENVMGR_NAMES "$__envmgr_names"
    else
        set -e __ENVMGR_FRONT
        set -e __ENVMGR_PROJECT
        set -e __ENVMGR_NAMES
    end
    if test -n "$__envmgr_note"; and not contains -- "$__envmgr_note" $__envmgr_notes
        set -ga __envmgr_notes "$__envmgr_note"
        printf '%s\n' "$__envmgr_note" >&2
    end
end

function __envmgr_update
    # Of a removed directory, the project is unknown: the environment stays as it is.
    test -d "$PWD"; or return
    if test "$PWD:$ENVMGR_HOME" != "$__envmgr_place"; or not test 1 $__envmgr_above; or not __envmgr_is_current
        set -g __envmgr_place "$PWD:$ENVMGR_HOME"
        __envmgr_search
        __envmgr_load
        __envmgr_apply
    else
        __envmgr_repair_path
    end
    set -g __envmgr_seen "$PWD:$ENVMGR_HOME:$PATH"
end

function __envmgr_hook --on-event fish_prompt --on-event fish_preexec --on-variable PWD
    test "$PWD:$ENVMGR_HOME:$PATH" = "$__envmgr_seen" $__envmgr_above; and __envmgr_is_current; and return
    __envmgr_update
end

function __envmgr_deactivate
    functions -e __envmgr_hook
    set -g __envmgr_project - # no directory: variables that the user has changed stay as they are
    set -g __envmgr_dirs
    __envmgr_restore_path
    __envmgr_restore_variables
    set -e __ENVMGR_FRONT
    set -e __ENVMGR_PROJECT
    set -e __ENVMGR_NAMES
    for name in (set -n | string match '__envmgr_*')
        set -e $name
    end
    functions -e envmgr (functions -a | string match '__envmgr_*')
end

function envmgr
    if test "$argv" = deactivate
        __envmgr_deactivate
    else
        command envmgr $argv
    end
end

__envmgr_hook
