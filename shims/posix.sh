#!/bin/sh
# envmgr shim (`envmgr reshim` rewrites it)
# Runs the version of a command that the project requests: by the project's plan while it is up to date;
# else by `envmgr exec`, which resolves again and writes the plan. Built-ins only: starting a program costs more.
unset __envmgr_home __envmgr_dir __envmgr_plan __envmgr_run
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
[ "${__envmgr_run-}" ] && exec "$__envmgr_run" "$@"

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
    exec @PYTHON@ -I -c @START@ @SITE@ exec --shim @COMMAND@ -- "$@"
fi
command -v envmgr >/dev/null 2>&1 && exec envmgr exec --shim @COMMAND@ -- "$@"
printf '%s\n' 'error: cannot run '@COMMAND@': envmgr not found' \
    'hint: install envmgr, then run `envmgr reshim`' >&2
exit 127
