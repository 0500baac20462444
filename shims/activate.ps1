# envmgr activation: PATH and variables follow the directory.
#
# A plan, which `envmgr hook` prints and writes for all shells, is an expression: the environment of a project, and the
# inputs that are compared at each prompt. Exported variables __ENVMGR_* record what was changed, so that a shell started
# by this one can restore it. This text is ASCII, as PowerShell decodes what programs print by the console's code page.

if (Test-Path -LiteralPath Function:Disable-EnvmgrActivation) { Disable-EnvmgrActivation }

$global:__envmgr = @{
    Home = @HOME@
    Plans = @PLANS@
    Python = @PYTHON@
    Site = @SITE@
    Start = @START@
    Separator = [string][System.IO.Path]::PathSeparator
    Place = $null # working directory and ENVMGR_HOME of the last search
    Seen = $null # the same with PATH, after the last update
    Above = @() # files that are absent below the nearest project
    Plan = @{ settled = $false; path = @() }
    Before = @() # PATH before and after the directories of the plan were added
    After = $null
    Past = @() # directories of former plans, joined
    Notes = @()
}

function global:__envmgr_value([string]$name) {
    [string][System.Environment]::GetEnvironmentVariable($name)
}

function global:__envmgr_set([string]$name, $value) {
    if ($null -eq $value) { Remove-Item -LiteralPath "Env:$name" -ErrorAction Ignore } else { Set-Item -LiteralPath "Env:$name" -Value $value }
}

function global:__envmgr_path {
    , @((__envmgr_value 'PATH').Split($global:__envmgr.Separator))
}

function global:__envmgr_set_path([string[]]$entries) {
    $env:PATH = $entries -join $global:__envmgr.Separator
}

function global:__envmgr_is_same([string[]]$left, [string[]]$right) {
    ($left -join $global:__envmgr.Separator) -ceq ($right -join $global:__envmgr.Separator)
}

# Return the time of a file in units of 100 ns since 1970 as text, empty if there is none.
function global:__envmgr_time([string]$path) {
    if (-not [System.IO.File]::Exists($path)) { return '' }
    [string]([System.IO.File]::GetLastWriteTimeUtc($path).Ticks - 621355968000000000)
}

function global:__envmgr_is_current($plan) {
    if (-not $plan.settled) { return $false }
    if ($plan.mark -and -not [System.IO.File]::Exists($plan.mark)) { return $false }
    foreach ($item in $plan.variables) { if ((__envmgr_value $item.name) -cne $item.value) { return $false } }
    foreach ($item in $plan.inputs) { if ((__envmgr_time $item.path) -cne $item.time) { return $false } }
    foreach ($item in $plan.directories) { if ([System.IO.Directory]::Exists($item.path) -ne $item.exists) { return $false } }
    $true
}

# Return the path of the plan of the nearest project, and the files that are absent below it.
function global:__envmgr_search([string]$directory) {
    $ceilings = @((__envmgr_value 'ENVMGR_CEILING').Split($global:__envmgr.Separator) | Where-Object { [System.IO.Path]::IsPathRooted($_) } |
            ForEach-Object { [System.IO.Path]::GetFullPath($_).TrimEnd('/', '\') })
    $above = @()
    while ($true) {
        $file = [System.IO.Path]::Combine($directory, '.envmgr')
        if ([System.IO.File]::Exists($file)) {
            return @{ File = $global:__envmgr.Plans + $directory.TrimEnd('/') + '/.activate-pwsh.plan'; Above = $above }
        }
        $above += $file
        $parent = [System.IO.Path]::GetDirectoryName($directory)
        if (-not $parent -or $ceilings -ccontains $directory.TrimEnd('/', '\')) {
            return @{ File = $global:__envmgr.Plans + '/.activate-pwsh.global'; Above = $above }
        }
        $directory = $parent
    }
}

# Return the plan that an expression describes, null if there is none.
function global:__envmgr_read([string]$text) {
    if (-not $text) { return $null }
    try { & ([scriptblock]::Create($text)) } catch { $null }
}

# Run envmgr for a plan; after a failure, which it reports, the next change of directory tries again.
function global:__envmgr_resolve {
    $state = $global:__envmgr
    $former = __envmgr_value 'ENVMGR_HOME'
    $code = $global:LASTEXITCODE
    $text = ''
    try {
        if (-not $former) { $env:ENVMGR_HOME = $state.Home }
        if ([System.IO.File]::Exists($state.Python) -and [System.IO.File]::Exists($state.Site + '/envmgr/__init__.py')) {
            $text = ($null | & $state.Python -I -c $state.Start $state.Site hook pwsh) -join "`n"
        } else {
            $program = Get-Command -Name envmgr -CommandType Application -ErrorAction Stop | Select-Object -First 1
            $text = ($null | & $program hook pwsh) -join "`n"
        }
    } catch {
        [System.Console]::Error.WriteLine('envmgr: ' + $_.Exception.Message)
    } finally {
        if (-not $former) { __envmgr_set 'ENVMGR_HOME' $null }
        $global:LASTEXITCODE = $code
    }
    $plan = __envmgr_read $text
    if ($plan) { return $plan }
    @{ settled = $true; mark = ''; project = ''; note = ''; path = @(); exports = @(); variables = @(); inputs = @(); directories = @() }
}

function global:__envmgr_load([string]$file) {
    $former = __envmgr_value 'ENVMGR_HOME'
    if ((-not $former -or $former -ceq $global:__envmgr.Home) -and [System.IO.File]::Exists($file)) {
        $plan = $null
        try { $plan = __envmgr_read ([System.IO.File]::ReadAllText($file)) } catch { $plan = $null }
        if ($plan -and (__envmgr_is_current $plan)) { return $plan }
    }
    __envmgr_resolve
}

# Return the indices at which directories are adjacent.
function global:__envmgr_positions([string[]]$entries, [string[]]$dirs) {
    $size = $dirs.Count
    for ($index = 0; $size -and $index + $size -le $entries.Count; $index++) {
        if (__envmgr_is_same $entries[$index..($index + $size - 1)] $dirs) { $index }
    }
}

# Return a PATH without the first directories, adjacent or not; the only ones stay if they were there before.
function global:__envmgr_remove([string[]]$entries, [string[]]$dirs) {
    $places = @(__envmgr_positions $entries $dirs)
    if ($places.Count -gt 1 -or ($places.Count -and -not @(__envmgr_positions $global:__envmgr.Before $dirs).Count)) {
        $first = $places[0]
        return @($entries | Select-Object -First $first) + @($entries | Select-Object -Skip ($first + $dirs.Count))
    }
    if (-not $places.Count -and $dirs.Count -gt 1) {
        foreach ($entry in $dirs) { $entries = @(__envmgr_remove $entries @($entry)) }
    }
    $entries
}

# Return a PATH without former directories that another program has put back in front.
function global:__envmgr_remove_past([string[]]$entries) {
    foreach ($line in $global:__envmgr.Past) {
        $dirs = @($line.Split($global:__envmgr.Separator))
        $front = @($entries | Select-Object -First $dirs.Count)
        if ((__envmgr_is_same $front $dirs) -and -not (__envmgr_is_same $dirs $global:__envmgr.Plan.path)) {
            $entries = @($entries | Select-Object -Skip $dirs.Count)
        }
    }
    $entries
}

function global:__envmgr_restore_path {
    $front = __envmgr_value '__ENVMGR_FRONT'
    if (-not $front) { return }
    $entries = __envmgr_path
    if ($null -ne $global:__envmgr.After -and (__envmgr_is_same $entries $global:__envmgr.After)) {
        __envmgr_set_path $global:__envmgr.Before
    } else {
        __envmgr_set_path @(__envmgr_remove $entries $front.Split($global:__envmgr.Separator))
    }
    if ($global:__envmgr.Past -cnotcontains $front) { $global:__envmgr.Past += $front }
}

function global:__envmgr_prepend_path {
    $global:__envmgr.Before = __envmgr_path
    if ($global:__envmgr.Plan.path.Count) { __envmgr_set_path ($global:__envmgr.Plan.path + $global:__envmgr.Before) }
    $global:__envmgr.After = __envmgr_path
}

# Restore the variables that the user has not changed; return the names of the others, in the same project.
function global:__envmgr_restore_variables([string]$project) {
    foreach ($name in (__envmgr_value '__ENVMGR_NAMES').Split(' ')) {
        if (-not $name) { continue }
        if ((Test-Path -LiteralPath "Env:$name") -and (__envmgr_value $name) -ceq (__envmgr_value "__ENVMGR_NEW_$name")) {
            $old = __envmgr_value "__ENVMGR_OLD_$name"
            __envmgr_set $name $(if ($old) { $old.Substring(1) } else { $null })
        } elseif ((__envmgr_value '__ENVMGR_PROJECT') -ceq $project) {
            $name
            continue
        }
        __envmgr_set "__ENVMGR_NEW_$name" $null
        __envmgr_set "__ENVMGR_OLD_$name" $null
    }
}

function global:__envmgr_record([string]$front, [string]$project, [string[]]$names) {
    $is_empty = -not $front -and -not $names.Count
    __envmgr_set '__ENVMGR_FRONT' $(if ($is_empty) { $null } else { $front })
    __envmgr_set '__ENVMGR_PROJECT' $(if ($is_empty) { $null } else { $project })
    __envmgr_set '__ENVMGR_NAMES' $(if ($is_empty) { $null } else { $names -join ' ' })
}

function global:__envmgr_apply {
    $plan = $global:__envmgr.Plan
    __envmgr_restore_path
    __envmgr_set_path @(__envmgr_remove_past (__envmgr_path))
    $names = @(__envmgr_restore_variables $plan.project)
    __envmgr_prepend_path
    foreach ($item in $plan.exports) {
        if ($names -ccontains $item.name) { continue }
        if (Test-Path -LiteralPath "Env:$($item.name)") { __envmgr_set "__ENVMGR_OLD_$($item.name)" ('x' + (__envmgr_value $item.name)) }
        __envmgr_set $item.name $item.value
        __envmgr_set "__ENVMGR_NEW_$($item.name)" $item.value
        $names += $item.name
    }
    __envmgr_record ($plan.path -join $global:__envmgr.Separator) $plan.project $names
    if ($plan.note -and $global:__envmgr.Notes -cnotcontains $plan.note) {
        $global:__envmgr.Notes += $plan.note
        [System.Console]::Error.WriteLine($plan.note)
    }
}

function global:__envmgr_repair_path {
    $dirs = $global:__envmgr.Plan.path
    if (-not (__envmgr_is_same (__envmgr_path) $global:__envmgr.Before)) {
        __envmgr_set_path @(__envmgr_remove_past (__envmgr_path))
        if (-not $dirs.Count -or @(__envmgr_positions (__envmgr_path) $dirs).Count) { return }
        __envmgr_set_path @(__envmgr_remove (__envmgr_path) $dirs)
    }
    __envmgr_prepend_path
}

function global:__envmgr_update {
    $location = $ExecutionContext.SessionState.Path.CurrentLocation
    if ($location.Provider.Name -cne 'FileSystem') { return } # the registry and the like belong to no project
    $directory = $location.ProviderPath
    if (-not [System.IO.Directory]::Exists($directory)) { return } # of a removed directory, the project is unknown
    $state = $global:__envmgr
    $place = $directory + $state.Separator + (__envmgr_value 'ENVMGR_HOME')
    $is_known = $place -ceq $state.Place -and -not @($state.Above | Where-Object { [System.IO.File]::Exists($_) }).Count -and (__envmgr_is_current $state.Plan)
    if ($is_known -and $state.Seen -ceq ($place + $state.Separator + $env:PATH)) { return }
    if ($is_known) {
        __envmgr_repair_path
    } else {
        $nearest = __envmgr_search $directory
        $state.Place = $place
        $state.Above = $nearest.Above
        $state.Plan = __envmgr_load $nearest.File
        __envmgr_apply
    }
    $state.Seen = $place + $state.Separator + $env:PATH
}

# Define the prompt: first a previous one, as it may show whether the last command succeeded. Each activation has its own
# number, so that prompts that other programs saved never call themselves; after the deactivation they do nothing else.
function global:__envmgr_define_prompt([int]$number, [string]$update) {
    Invoke-Expression "function global:prompt { & `$global:__envmgr_prompts[$number]; $update }"
}

function global:Disable-EnvmgrActivation {
    __envmgr_restore_path
    $null = __envmgr_restore_variables '-' # no directory: variables that the user has changed stay as they are
    __envmgr_record '' '' @()
    if (([string]$function:prompt).Contains('__envmgr_prompts')) { __envmgr_define_prompt $global:__envmgr.Number '' }
    Remove-Variable -Name __envmgr -Scope Global
    Remove-Item -Path Function:__envmgr_*, Function:Disable-EnvmgrActivation
}

$global:__envmgr_prompts = @(Get-Variable -Name __envmgr_prompts -Scope Global -ValueOnly -ErrorAction Ignore) + $function:prompt
$global:__envmgr.Number = $global:__envmgr_prompts.Count - 1
__envmgr_define_prompt $global:__envmgr.Number 'if (Test-Path -LiteralPath Function:__envmgr_update) { __envmgr_update }'
__envmgr_update
