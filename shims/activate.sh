# envmgr activation, the part that bash and zsh share: PATH and variables follow the directory.
#
# A plan, which `envmgr hook` prints and writes for all shells, sets the variables of a project and defines
# `__envmgr_is_current`, which checks at each prompt whether the plan's inputs are unchanged: no process is started.
# Exported variables __ENVMGR_* record what was changed, so that a shell started by this one can restore it.

# A path is a variable, names are in variables, PROMPT_COMMAND may be an array or not, and functions are passed by name:
# shellcheck shell=bash disable=SC1090,SC2163,SC2178,SC2128,SC2329

if typeset -f __envmgr_deactivate >/dev/null; then __envmgr_deactivate; fi

__envmgr_home=@HOME@
__envmgr_plans=@PLANS@
__envmgr_seen=      # working directory and PATH after the last update
__envmgr_directory= # working directory of the last search
__envmgr_plan=      # path of its plan
__envmgr_before=    # PATH before and after the directories of the plan were added
__envmgr_after=
__envmgr_past= # directories of former plans, a line each
__envmgr_notes=
__envmgr_kept=
__envmgr_project=
__envmgr_dirs=
__envmgr_note=

__envmgr_is_current() { return 1; }
__envmgr_is_nearest() { return 1; }
__envmgr_set_variables() { :; }

# Print the plan of the working directory.
__envmgr_resolve() {
    if [[ -x @PYTHON@ && -f @SITE@/envmgr/__init__.py ]]; then
        ENVMGR_HOME=${ENVMGR_HOME:-$__envmgr_home} @PYTHON@ -I -c @START@ @SITE@ hook @SHELL@ </dev/null
    else
        ENVMGR_HOME=${ENVMGR_HOME:-$__envmgr_home} command envmgr hook @SHELL@ </dev/null
    fi
}

# Search upward for the nearest .envmgr: set the path of its plan, and define the check that it still is the nearest.
__envmgr_search() {
    local dir checks quoted
    dir=${PWD%/} checks='' quoted=''
    __envmgr_plan=
    until [[ -f $dir/.envmgr ]]; do
        printf -v quoted %q "$dir/.envmgr"
        checks="$checks && ! -f $quoted"
        case $dir:${ENVMGR_CEILING-}: in
        :* | *":$dir:"*)
            __envmgr_plan=$__envmgr_plans/.activate-posix.global
            break
            ;;
        esac
        dir=${dir%/*}
    done
    __envmgr_plan=${__envmgr_plan:-$__envmgr_plans$dir/.activate-posix.plan}
    case $PWD in
    *//* | */./* | */../* | */. | */.. | ?*/) __envmgr_plan= ;; # envmgr normalizes paths: it may find another project
    esac
    case :${ENVMGR_CEILING-}: in
    *//* | */./* | */../* | */.:* | */..:* | *[!:]/:* | *:[!:/]*) __envmgr_plan= ;;
    esac
    eval "__envmgr_is_nearest() { [[ 1$checks ]]; }"
}

# Source the plan if it is current, else make a new one.
__envmgr_load() {
    local text
    __envmgr_is_current() { return 1; }
    if [ "${ENVMGR_HOME:-$__envmgr_home}" = "$__envmgr_home" ] && [[ -r $__envmgr_plan ]]; then
        . "$__envmgr_plan" 2>/dev/null
    fi
    __envmgr_is_current && return 0
    if text=$(__envmgr_resolve); then
        eval "$text"
    else # it has printed the error; the next change of directory tries again
        __envmgr_is_current() { :; }
        __envmgr_set_variables() { :; }
        __envmgr_project='' __envmgr_dirs='' __envmgr_note=''
    fi
}

# Remove the directories of a plan from PATH. Where they are no longer adjacent, remove the first of each. The only
# ones stay if they were there before: another program has restored the PATH that it saved.
__envmgr_remove_dirs() {
    local all head tail rest
    all=:$PATH:
    case $all in
    *":$1:"*":$1:"* | *":$1:$1:"*) ;;
    *":$1:"*)
        case :$__envmgr_before: in
        *":$1:"*) return 0 ;;
        esac
        ;;
    esac
    case $all in
    *":$1:"*)
        head=${all%%":$1:"*} tail=${all#*":$1:"}
        if [[ ! $head ]]; then
            PATH=${tail%:}
        elif [[ ! $tail ]]; then
            PATH=${head#:}
        else
            PATH=${head#:}:${tail%:}
        fi
        ;;
    *:*)
        rest=$1:
        [[ $1 = *:* ]] || rest=
        while [[ $rest ]]; do
            __envmgr_remove_dirs "${rest%%:*}"
            rest=${rest#*:}
        done
        ;;
    esac
}

# Remove the directories of a former plan that another program has put back with the PATH that it saved.
__envmgr_remove_past() {
    local rest line
    rest=$__envmgr_past
    while [[ $rest ]]; do
        line=${rest%%$'\n'*}
        rest=${rest#*$'\n'}
        case $PATH: in
        "$line:"*) [ "$line" = "$__envmgr_dirs" ] || __envmgr_remove_dirs "$line" ;;
        esac
    done
}

__envmgr_restore_path() {
    local front
    front=${__ENVMGR_FRONT-}
    if [[ $front ]]; then
        if [ "$PATH" = "$__envmgr_after" ]; then
            PATH=$__envmgr_before
        else
            __envmgr_remove_dirs "$front"
        fi
        case $'\n'$__envmgr_past in
        *$'\n'"$front"$'\n'*) ;;
        *) __envmgr_past=$__envmgr_past$front$'\n' ;;
        esac
    fi
}

__envmgr_prepend_dirs() {
    __envmgr_before=$PATH
    if [[ $__envmgr_dirs ]]; then
        PATH=$__envmgr_dirs${PATH:+:$PATH}
    fi
    __envmgr_after=$PATH
}

# PATH was changed by something else: keep that, with the directories of the plan in it.
__envmgr_repair_path() {
    if [ "$PATH" = "$__envmgr_before" ]; then
        __envmgr_prepend_dirs
        return 0
    fi
    __envmgr_remove_past
    case :$PATH: in
    *":$__envmgr_dirs:"*) return 0 ;;
    esac
    if [[ $__envmgr_dirs ]]; then
        __envmgr_remove_dirs "$__envmgr_dirs"
        __envmgr_prepend_dirs
    fi
}

# Restore the variables that still have the value that the last plan set. Others the user has changed: in the same
# project, `__envmgr_kept` names them and they stay as they are; elsewhere they are no longer envmgr's.
__envmgr_restore_variables() {
    local __envmgr_rest __envmgr_name
    __envmgr_rest=${__ENVMGR_NAMES-}
    __envmgr_kept=
    while [[ $__envmgr_rest ]]; do
        __envmgr_name=${__envmgr_rest%% *}
        __envmgr_rest=${__envmgr_rest#"$__envmgr_name"}
        __envmgr_rest=${__envmgr_rest# }
        case $__envmgr_name in
        '' | [0-9]* | *[!A-Za-z0-9_]*) continue ;; # `eval` would run code in it
        esac
        if eval "[ \"\${$__envmgr_name+x}\${$__envmgr_name-}\" = \"x\${__ENVMGR_NEW_$__envmgr_name-}\" ]"; then
            __envmgr_restore_variable "$__envmgr_name"
        elif [ "${__ENVMGR_PROJECT-}" = "$__envmgr_project" ]; then
            __envmgr_kept="$__envmgr_kept $__envmgr_name"
            continue
        fi
        unset "__ENVMGR_NEW_$__envmgr_name" "__ENVMGR_OLD_$__envmgr_name"
    done
    __ENVMGR_NAMES=${__envmgr_kept# }
}

# The recorded value begins with x if the variable was exported, with - if it was not; none if it was unset.
__envmgr_restore_variable() {
    local __envmgr_value
    eval "__envmgr_value=\${__ENVMGR_OLD_$1-}"
    case $__envmgr_value in
    x*) export "$1=${__envmgr_value#x}" ;;
    -*)
        eval "$1=\${__envmgr_value#-}"
        __envmgr_unexport "$1"
        ;;
    *) unset "$1" ;;
    esac
}

# Called by plans with a name and a value.
__envmgr_export() {
    local __envmgr_value
    case " $__envmgr_kept " in
    *" $1 "*) return 0 ;;
    esac
    eval "__envmgr_value=\${$1+x}\${$1-}"
    if [[ $__envmgr_value ]]; then
        case $(__envmgr_attributes "$1") in
        *readonly*) return 0 ;;
        *export*) ;;
        *) __envmgr_value=-${__envmgr_value#x} ;;
        esac
        export "__ENVMGR_OLD_$1=$__envmgr_value"
    fi
    export "$1=$2" "__ENVMGR_NEW_$1=$2"
    __ENVMGR_NAMES=${__ENVMGR_NAMES:+$__ENVMGR_NAMES }$1
}

__envmgr_apply() {
    __envmgr_restore_path
    __envmgr_remove_past
    __envmgr_restore_variables
    __envmgr_prepend_dirs
    __envmgr_set_variables
    if [[ $__envmgr_dirs || $__ENVMGR_NAMES ]]; then
        __ENVMGR_FRONT=$__envmgr_dirs __ENVMGR_PROJECT=$__envmgr_project
        export __ENVMGR_FRONT __ENVMGR_PROJECT __ENVMGR_NAMES
    else
        unset __ENVMGR_FRONT __ENVMGR_PROJECT __ENVMGR_NAMES
    fi
    case $__envmgr_notes in
    *"<$__envmgr_note>"*) ;;
    *)
        [[ ! $__envmgr_note ]] || printf '%s\n' "$__envmgr_note" >&2
        __envmgr_notes="$__envmgr_notes<$__envmgr_note>"
        ;;
    esac
}

__envmgr_update() {
    # Of a removed directory, and of one that PWD does not name, the project is unknown: the environment stays.
    [[ $PWD = /* && . -ef $PWD ]] || return 0
    if [ "$PWD" != "$__envmgr_directory" ] || ! __envmgr_is_nearest || ! __envmgr_is_current; then
        __envmgr_directory=$PWD
        __envmgr_search
        __envmgr_load
        __envmgr_apply
    else
        __envmgr_repair_path
    fi
    __envmgr_seen=$PWD:$PATH
}

__envmgr_restore() {
    __envmgr_project=- # no directory: variables that the user has changed stay as they are
    __envmgr_dirs=
    __envmgr_restore_path
    __envmgr_restore_variables
    unset __ENVMGR_FRONT __ENVMGR_PROJECT __ENVMGR_NAMES __envmgr_home __envmgr_plans __envmgr_seen \
        __envmgr_directory __envmgr_plan __envmgr_before __envmgr_after __envmgr_past __envmgr_notes \
        __envmgr_kept __envmgr_project __envmgr_dirs __envmgr_note
    unset -f __envmgr_is_current __envmgr_is_nearest __envmgr_set_variables __envmgr_resolve __envmgr_search \
        __envmgr_load __envmgr_remove_dirs __envmgr_remove_past __envmgr_restore_path \
        __envmgr_prepend_dirs __envmgr_repair_path __envmgr_restore_variables __envmgr_restore_variable \
        __envmgr_export __envmgr_apply __envmgr_update __envmgr_unexport __envmgr_attributes __envmgr_hook \
        __envmgr_deactivate __envmgr_restore envmgr
}

function envmgr {
    case $#:${1-} in
    1:deactivate) __envmgr_deactivate ;;
    *) command envmgr "$@" ;;
    esac
}
