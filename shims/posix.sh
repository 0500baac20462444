#!/bin/sh
# envmgr shim (`envmgr reshim` rewrites it)
# Runs the version of a command that the project requests: by the project's plan while it is up to date;
# else by `envmgr exec`, which resolves again and writes the plan. Built-ins only: starting a program costs more.

# Exported SHELLOPTS and BASHOPTS turn options on.
{ set +aefuvxC; } 2>/dev/null
case ${BASH_VERSION-} in
?*)
    command set +k 2>/dev/null
    command eval 'shopt -u nocasematch failglob xpg_echo' 2>/dev/null
    ;;
esac
unset __envmgr_home __envmgr_dir __envmgr_plan __envmgr_run __envmgr_scan __envmgr_all __envmgr_lost __envmgr_name __envmgr_edit

# Shells drop variables whose names they cannot use, and reset their own; `env` passes the original ones.
# bash keeps most of them, and checks for the others itself; with another shell, `sed` searches each time.
if [ -r "/proc/$$/environ" ]; then
    __envmgr_scan=yes
    case ${BASH_VERSION-} in
    '' | [1-3].* | 4.[0-3].*) ;;
    *)
        command eval 'mapfile -d "" -t __envmgr_all <"/proc/$$/environ" && __envmgr_all=" ${__envmgr_all[*]}"' 2>/dev/null
        case $__envmgr_all in
        '' | *' IFS='* | *' OPT'[IE]*=* | *' LINENO='* | *' PPID='* | *' SHELLOPTS='* | *' BASH'[OP]*=* | *' BASH='* | \
            *' BASH_'[ACSV]*=* | *' PS'[124]=* | *RANDOM=* | *' EPOCH'* | *' SECONDS='* | *' HISTCMD='* | \
            *' COMP_WORDBREAKS='*) ;;
        *)
            __envmgr_scan=
            case $__envmgr_all in
            *' SHLVL='*) ;;
            *) __envmgr_lost=' -u SHLVL' ;; # bash sets it
            esac
            case $__envmgr_all in
            *' OLDPWD='*) [ "${OLDPWD+x}" ] || __envmgr_scan=yes ;;
            esac
            case $__envmgr_all:$- in
            *:*p*) ;;
            *' BASH_FUNC_'*) __envmgr_scan=yes ;;
            esac
            ;;
        esac
        ;;
    esac
    if [ "$__envmgr_scan" ]; then
        __envmgr_name='IFS|OPTIND|OPTERR|LINENO|PPID|PS[124]|SHELLOPTS|BASH|BASH[OP][A-Z]*|BASH_[ACFSV].*'
        __envmgr_name="$__envmgr_name|S?RANDOM|EPOCH[A-Z]*|SECONDS|HISTCMD|COMP_WORDBREAKS|(K|YA)?SH_VERSION|SHLVL"
        case ${__envmgr_all:+b}:${ZSH_VERSION-}${KSH_VERSION-} in
        b:*) [ "${OLDPWD+x}" ] || __envmgr_name="$__envmgr_name|OLDPWD" ;;
        :?*)
            __envmgr_name="$__envmgr_name|OLDPWD|LOGNAME|A__z|PGRP|USER_ID|PATHSEP|PIPESTATUS|KSH[EU][A-Z]*"
            __envmgr_name="$__envmgr_name|MACHTYPE|OSTYPE|VENDOR|CPUTYPE|TTY|ZSH_(ARGZERO|NAME)|signals"
            ;;
        esac
        __envmgr_edit="/=/!d
            /^[A-Za-z_][A-Za-z0-9_]*=/{
            /^($__envmgr_name)=/!d
            }
            s/'/'\\\\''/g
            s/^/ '/
            s/\$/'/p"
        # A blank in front: this sed has -z, and no variable may be lost. BusyBox's has not: there, \377, which no
        # text has, replaces newlines.
        __envmgr_lost=$(LC_ALL=C command -p sed -Ezn -e '1{x;p;x;}' -e "$__envmgr_edit" "/proc/$$/environ" 2>/dev/null |
            command -p tr '\000' ' ')
        case $__envmgr_lost in
        ' '*) __envmgr_lost=${__envmgr_lost# } ;;
        *)
            __envmgr_lost=$(LC_ALL=C command -p tr '\000\n' '\n\377' <"/proc/$$/environ" 2>/dev/null |
                LC_ALL=C command -p sed -En -e "$__envmgr_edit" 2>/dev/null | LC_ALL=C command -p tr '\n\377' ' \n')
            ;;
        esac
        for __envmgr_all in SHLVL OLDPWD LOGNAME A__z; do
            case "|$__envmgr_name|:$__envmgr_lost" in
            *"|$__envmgr_all|"*:*" '$__envmgr_all="*) ;;
            *"|$__envmgr_all|"*:*)
                case $__envmgr_all${SHLVL+=} in
                SHLVL) ;;
                *) __envmgr_lost=" -u $__envmgr_all$__envmgr_lost" ;;
                esac
                ;;
            esac
        done
    fi
fi
__envmgr_home=@HOME@
case :${PATH-}: in
*:@SHIMS@:*) ;;
*)
    PATH=@SHIMS@${PATH:+:$PATH}
    export PATH
    ;;
esac
if [ "${ENVMGR_HOME:-$__envmgr_home}" = "$__envmgr_home" ]; then
    case ${PWD-}:${ENVMGR_CEILING-} in
    # Unnormalized paths: dropping the last component may not give the parent.
    *//* | */./* | */../* | */.:* | */..:* | */. | */.. | ?*/:* | *:?*/ | *:[!/]*) ;;
    /*)
        __envmgr_dir=${PWD%/}
        until [ -f "$__envmgr_dir/.envmgr" ]; do
            case $__envmgr_dir:${ENVMGR_CEILING-}: in
            :* | *":$__envmgr_dir:"*)
                __envmgr_plan=@PLANS@/@COMMAND@.global
                break
                ;;
            esac
            __envmgr_dir=${__envmgr_dir%/*}
        done
        [ "${__envmgr_plan-}" ] || __envmgr_plan=@PLANS@$__envmgr_dir/@COMMAND@.plan
        # A plan may be deleted after the test; `command` keeps that from ending the shell.
        [ -r "$__envmgr_plan" ] && command . "$__envmgr_plan" 2>/dev/null
        ;;
    esac
fi
if [ "${__envmgr_run-}" ]; then
    case ${__envmgr_lost:+=}$__envmgr_run in
    =*=*) ;; # `env` would take this path for a variable; `envmgr exec` runs it
    =*) eval "exec /usr/bin/env$__envmgr_lost "'"$__envmgr_run" "$@"' ;;
    *) exec "$__envmgr_run" "$@" ;;
    esac
fi

if [ "${ENVMGR_SHIM-}" ]; then
    printf '%s\n' 'error: cannot run '@COMMAND@': its shim calls itself' \
        'hint: run `envmgr reshim` with the envmgr you installed' >&2
    exit 127
fi
# What to put back in the environment of the command: `envmgr exec` must find this root, and Python may set LC_CTYPE.
ENVMGR_SHIM=${ENVMGR_HOME+h}:${LC_CTYPE+=}${LC_CTYPE-}
export ENVMGR_SHIM
if [ "$__envmgr_home" ] && [ -z "${ENVMGR_HOME-}" ]; then
    ENVMGR_HOME=$__envmgr_home
    export ENVMGR_HOME
fi
if [ -x @PYTHON@ ] && [ -f @SITE@/envmgr/__init__.py ]; then
    set -- @PYTHON@ -I -c @START@ @SITE@ exec --shim @COMMAND@ -- "$@"
elif command -v envmgr >/dev/null 2>&1; then
    set -- envmgr exec --shim @COMMAND@ -- "$@"
else
    printf '%s\n' 'error: cannot run '@COMMAND@': envmgr not found' \
        'hint: install envmgr, then run `envmgr reshim`' >&2
    exit 127
fi
case ${__envmgr_lost:+=}$1 in
=*=*) ;;
=*) eval "exec /usr/bin/env$__envmgr_lost "'"$@"' ;;
esac
exec "$@"
