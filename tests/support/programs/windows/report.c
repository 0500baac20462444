/* A stand-in for Python: prints its command line and what a shim sets, and ends as variables of the test say. */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define CHARS 32768
#define INTERRUPTED_CODE 42

static WCHAR value[CHARS];
static char bytes[CHARS * 3];

static void print(const WCHAR *text) {
    DWORD written;
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof bytes, NULL, NULL);
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), bytes, (DWORD)size - 1, &written, NULL);
}

static const WCHAR *get(const WCHAR *variable) {
    return GetEnvironmentVariableW(variable, value, CHARS) ? value : L"";
}

static DWORD to_number(const WCHAR *digits) {
    DWORD number = 0;
    while (*digits) number = number * 10 + (DWORD)(*digits++ - L'0');
    return number;
}

static BOOL WINAPI end(DWORD event) {
    print(event == CTRL_C_EVENT ? L"interrupted\r\n" : L"ended\r\n");
    ExitProcess(INTERRUPTED_CODE);
}

static void copy_input(void) {
    DWORD size, written;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), bytes, sizeof bytes, &size, NULL) && size)
        WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), bytes, size, &written, NULL);
}

/* Write the number of this process to a file, under its name when it is complete, and wait. */
static void announce(const WCHAR *file) {
    static WCHAR staged[CHARS];
    DWORD number = GetCurrentProcessId(), written;
    lstrcpynW(staged, file, CHARS - 8);
    lstrcatW(staged, L".new");
    HANDLE output = CreateFileW(staged, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(output, &number, sizeof number, &written, NULL);
    CloseHandle(output);
    MoveFileW(staged, file);
    Sleep(60000);
}

void start(void) {
    SetConsoleCtrlHandler(end, TRUE);
    print(GetCommandLineW());
    print(L"\r\nENVMGR_SHIM=");
    print(get(L"ENVMGR_SHIM"));
    print(L"\r\nENVMGR_HOME=");
    print(get(L"ENVMGR_HOME"));
    print(L"\r\n");
    if (*get(L"REPORT_INPUT")) copy_input();
    if (*get(L"REPORT_FILE")) announce(value);
    ExitProcess(to_number(get(L"REPORT_CODE")));
}
