
__envmgr_unexport() { export -n "$1"; }

# Print the attributes of a variable, as zsh names them.
__envmgr_attributes() {
    local declaration
    declaration=$(declare -p "$1" 2>/dev/null)
    declaration=${declaration#* }
    case ${declaration%% *} in *r*) printf readonly ;; esac
    case ${declaration%% *} in *x*) printf export ;; esac
}

# Call a function without `nocasematch`, with which `case` takes different directories for the same.
__envmgr_match_case() {
    if shopt -q nocasematch; then
        shopt -u nocasematch
        "$1"
        shopt -s nocasematch
    else
        "$1"
    fi
}

__envmgr_hook() {
    __envmgr_status=$? # not after `local`, which `set -k` would leave without the value
    if [ "$PWD:$PATH" != "$__envmgr_seen" ] || ! __envmgr_is_nearest || ! __envmgr_is_current; then
        __envmgr_match_case __envmgr_update
    fi
    return "$__envmgr_status"
}

# Set `__envmgr_command` to a prompt command without the hook, also where others have added code on the same line.
__envmgr_remove_hook() {
    __envmgr_command=$1
    case $1 in
    "$__envmgr_entry") __envmgr_command= ;;
    "$__envmgr_entry"$'\n'*) __envmgr_command=${1#*$'\n'} ;;
    *$'\n'"$__envmgr_entry" | *$'\n'"$__envmgr_entry"$'\n'*) __envmgr_command=${1/$'\n'"$__envmgr_entry"/} ;;
    esac
    __envmgr_command=${__envmgr_command//"$__envmgr_entry; "/}
    __envmgr_command=${__envmgr_command//"$__envmgr_entry;"/}
    __envmgr_command=${__envmgr_command//"; $__envmgr_entry"/}
    __envmgr_command=${__envmgr_command//";$__envmgr_entry"/}
    __envmgr_command=${__envmgr_command//"$__envmgr_entry"/:}
}

__envmgr_deactivate() {
    local __envmgr_index __envmgr_command
    case $(declare -p PROMPT_COMMAND 2>/dev/null) in
    'declare -a'*)
        for __envmgr_index in "${!PROMPT_COMMAND[@]}"; do
            __envmgr_remove_hook "${PROMPT_COMMAND[__envmgr_index]}"
            PROMPT_COMMAND[__envmgr_index]=$__envmgr_command
            [[ $__envmgr_command ]] || unset "PROMPT_COMMAND[$__envmgr_index]"
        done
        ;;
    *)
        __envmgr_remove_hook "${PROMPT_COMMAND-}"
        PROMPT_COMMAND=$__envmgr_command
        ;;
    esac
    [[ ${PROMPT_COMMAND[*]-} ]] || unset PROMPT_COMMAND
    unset __envmgr_status __envmgr_prompt __envmgr_entry
    __envmgr_match_case __envmgr_restore
    unset -f __envmgr_remove_hook __envmgr_match_case
}

# Others save PROMPT_COMMAND, or export it: without the hook, it only passes the exit code on. `&& :` does that without
# the ERR trap or `set -e` seeing a failure. bash before 5.1 runs only the first element of an array.
__envmgr_prompt=__envmgr_hook
# shellcheck disable=SC2016 # expanded at each prompt
__envmgr_entry='eval "${__envmgr_prompt-(exit \$?)}" && :'
case $(declare -p PROMPT_COMMAND 2>/dev/null):${BASH_VERSION-} in
'declare -a'*:[1-4].* | 'declare -a'*:5.0.*)
    PROMPT_COMMAND[0]=${PROMPT_COMMAND[0]:+${PROMPT_COMMAND[0]}$'\n'}$__envmgr_entry
    ;;
'declare -a'*) PROMPT_COMMAND+=("$__envmgr_entry") ;;
*) PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}$__envmgr_entry ;;
esac
__envmgr_hook && :
