/* envmgr shim for Windows: starts `envmgr exec --shim NAME -- ARGUMENTS`, for programs that cannot start a batch file.
 *
 * NAME is the name of this file, and ARGUMENTS is the rest of the command line, byte for byte. `target.shim` beside it
 * says which Python runs envmgr. The program shares the console and all handles; Ctrl-C is left to it. It ends when this
 * process is ended, and its exit code is returned.
 *
 * No C library: the kernel's functions are enough, and the file stays small. */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define MAX_CHARS 32768 /* of a path, and of a command line */
#define MAX_TARGET_BYTES 65536
#define NOT_FOUND_CODE 127

/* Lines of `target.shim`; HOME is the ENVMGR_HOME of this installation, or empty. */
enum line { MARKER, HOME, PYTHON, SITE, START, LINES };

static WCHAR path[MAX_CHARS];   /* of this file */
static WCHAR folder[MAX_CHARS]; /* its directory, with a backslash at the end */
static WCHAR name[MAX_PATH];    /* its name, without `.exe` */
static WCHAR target[MAX_TARGET_BYTES];
static WCHAR *lines[LINES];
static WCHAR command[MAX_CHARS];
static WCHAR scratch[MAX_CHARS];

static int length(const WCHAR *text) { return lstrlenW(text); }

/* Append text to a buffer of MAX_CHARS; text that does not fit leaves it full, which `is_full` tells. */
static void append(WCHAR *buffer, const WCHAR *text) {
    int end = length(buffer);
    while (*text && end < MAX_CHARS - 1) buffer[end++] = *text++;
    buffer[end] = 0;
}

static BOOL is_full(const WCHAR *buffer) { return length(buffer) == MAX_CHARS - 1; }

/* Append an argument in double quotes; paths contain none, but a backslash before the last one is doubled. */
static void append_quoted(WCHAR *buffer, const WCHAR *text) {
    int size = length(text);
    append(buffer, L"\"");
    append(buffer, text);
    if (size && text[size - 1] == L'\\') append(buffer, L"\\");
    append(buffer, L"\"");
}

static void write_error(const WCHAR *text) {
    static char bytes[MAX_CHARS * 3];
    HANDLE stream = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode, written;
    if (GetConsoleMode(stream, &mode)) {
        WriteConsoleW(stream, text, (DWORD)length(text), &written, NULL);
        return;
    }
    int size = WideCharToMultiByte(CP_UTF8, 0, text, length(text), bytes, sizeof bytes, NULL, NULL);
    WriteFile(stream, bytes, (DWORD)size, &written, NULL);
}

static __attribute__((noreturn)) void fail(const WCHAR *cause, const WCHAR *hint) {
    scratch[0] = 0;
    append(scratch, L"error: cannot run ");
    append(scratch, name);
    append(scratch, L": ");
    append(scratch, cause);
    append(scratch, L"\r\nhint: ");
    append(scratch, hint);
    append(scratch, L"\r\n");
    write_error(scratch);
    ExitProcess(NOT_FOUND_CODE);
}

/* Set `name` to that of a file, in the spelling that the directory has: `NODE` may start `node.exe`. */
static void set_name(const WCHAR *file) {
    static WIN32_FIND_DATAW found;
    HANDLE search = FindFirstFileW(path, &found);
    if (search != INVALID_HANDLE_VALUE) FindClose(search);
    lstrcpynW(name, search == INVALID_HANDLE_VALUE ? file : found.cFileName, MAX_PATH);
    int size = length(name);
    if (size > 4 && !lstrcmpiW(name + size - 4, L".exe")) name[size - 4] = 0;
}

/* Long paths need a prefix (https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation). */
static void set_path(void) {
    static WCHAR plain[MAX_CHARS];
    DWORD size = GetModuleFileNameW(NULL, plain, MAX_CHARS);
    if (size >= MAX_PATH && plain[0] == L'\\' && plain[1] == L'\\' && plain[2] != L'?') {
        append(path, L"\\\\?\\UNC");
        append(path, plain + 1);
        return;
    }
    if (size >= MAX_PATH && plain[1] == L':') append(path, L"\\\\?\\");
    append(path, plain);
}

static void find_self(void) {
    set_path();
    int end = length(path);
    while (end && path[end - 1] != L'\\') end--;
    lstrcpynW(folder, path, end + 1);
    set_name(path + end);
}

static BOOL read_target(void) {
    static char bytes[MAX_TARGET_BYTES];
    DWORD size = 0;
    scratch[0] = 0;
    append(scratch, folder);
    append(scratch, L"target.shim");
    HANDLE file = CreateFileW(scratch, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) return FALSE;
    BOOL is_read = ReadFile(file, bytes, sizeof bytes - 1, &size, NULL);
    CloseHandle(file);
    return is_read && MultiByteToWideChar(CP_UTF8, 0, bytes, (int)size, target, MAX_TARGET_BYTES - 1);
}

/* Set `lines` to the lines of the target; return whether it has all. */
static BOOL split_target(void) {
    int count = 0;
    WCHAR *start = target;
    for (WCHAR *at = target; *at && count < LINES; at++) {
        if (*at != L'\n') continue;
        *at = 0;
        lines[count++] = start;
        start = at + 1;
    }
    return count == LINES;
}

static BOOL is_set(const WCHAR *variable) { return GetEnvironmentVariableW(variable, NULL, 0) > 1; }

/* Record what to put back in the environment of the command, and let envmgr find this installation. */
static void set_environment(void) {
    if (is_set(L"ENVMGR_SHIM")) fail(L"its shim calls itself", L"run `envmgr reshim` with the envmgr you installed");
    SetEnvironmentVariableW(L"ENVMGR_SHIM", is_set(L"ENVMGR_HOME") ? L"h:" : L":");
    if (*lines[HOME] && !is_set(L"ENVMGR_HOME")) SetEnvironmentVariableW(L"ENVMGR_HOME", lines[HOME]);
}

/* Return the command line after the name of the program, which may be quoted in part. */
static const WCHAR *arguments(void) {
    const WCHAR *at = GetCommandLineW();
    for (BOOL is_quoted = FALSE; *at && (is_quoted || (*at != L' ' && *at != L'\t')); at++)
        if (*at == L'"') is_quoted = !is_quoted;
    while (*at == L' ' || *at == L'\t') at++;
    return at;
}

static BOOL has_own_python(void) {
    scratch[0] = 0;
    append(scratch, lines[SITE]);
    append(scratch, L"\\envmgr\\__init__.py");
    return GetFileAttributesW(lines[PYTHON]) != INVALID_FILE_ATTRIBUTES &&
           GetFileAttributesW(scratch) != INVALID_FILE_ATTRIBUTES;
}

static void append_own_envmgr(void) {
    append_quoted(command, lines[PYTHON]);
    append(command, L" -I -c ");
    append_quoted(command, lines[START]);
    append(command, L" ");
    append_quoted(command, lines[SITE]);
}

/* Append an envmgr on PATH; Windows by itself looks into the working directory first, which may be another's. */
static void append_other_envmgr(void) {
    static WCHAR directories[MAX_CHARS];
    DWORD size = GetEnvironmentVariableW(L"PATH", directories, MAX_CHARS);
    if (!size || size >= MAX_CHARS || !SearchPathW(directories, L"envmgr.exe", NULL, MAX_CHARS, scratch, NULL))
        fail(L"envmgr not found", L"install envmgr, then run `envmgr reshim`");
    append_quoted(command, scratch);
}

static void set_command(void) {
    if (has_own_python())
        append_own_envmgr();
    else
        append_other_envmgr();
    append(command, L" exec --shim ");
    append_quoted(command, name);
    append(command, L" -- ");
    append(command, arguments());
    if (is_full(command)) fail(L"the command line is too long", L"pass fewer arguments, or a file of them");
}

static BOOL WINAPI ignore_interrupt(DWORD event) { return event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT; }

static void limit_job(HANDLE job, DWORD flags) {
    static JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    limits.BasicLimitInformation.LimitFlags = flags;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
}

/* Start the command with the handles of this process, those included that only a C library knows. */
static BOOL start_command(PROCESS_INFORMATION *process) {
    static STARTUPINFOW startup;
    GetStartupInfoW(&startup);
    startup.dwFlags &= STARTF_USESTDHANDLES | STARTF_USESHOWWINDOW; /* others are about the window of a shortcut */
    return CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, process);
}

void start(void) {
    static PROCESS_INFORMATION process;
    DWORD code = NOT_FOUND_CODE;
    find_self();
    if (!read_target() || !split_target()) fail(L"cannot read target.shim", L"run `envmgr reshim`");
    set_environment();
    set_command();
    SetConsoleCtrlHandler(ignore_interrupt, TRUE);
    HANDLE job = CreateJobObjectW(NULL, NULL);
    limit_job(job, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_BREAKAWAY_OK);
    if (!start_command(&process)) fail(L"envmgr does not start", L"run `envmgr reshim` with the envmgr you installed");
    AssignProcessToJobObject(job, process.hProcess);
    ResumeThread(process.hThread);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    limit_job(job, 0); /* what the command left running in the background goes on */
    ExitProcess(code);
}
