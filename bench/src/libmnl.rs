//! libmnl, the library under most C programs that speak netlink, loaded where it is installed: nothing is linked, and
//! nothing needs its headers. What is done with it is what its users do: `mnl_cb_run`, then `mnl_attr_parse` with a check
//! of every attribute's type.

use std::ffi::{CStr, c_int, c_uint, c_void};
use std::hint::black_box;
use std::ptr::{NonNull, null, null_mut};
use std::sync::OnceLock;

use linx::RouteFilter;
use rustix::fd::BorrowedFd;

use crate::monitors;
use crate::report::Outcome;

/// As a contestant.
pub const NAME: &str = "libmnl";

type Callback = unsafe extern "C" fn(*const c_void, *mut c_void) -> c_int;

/// The functions that are used.
struct Library {
    open: unsafe extern "C" fn(c_int) -> *mut c_void,
    bind: unsafe extern "C" fn(*mut c_void, c_uint, c_int) -> c_int,
    fd: unsafe extern "C" fn(*const c_void) -> c_int,
    send: unsafe extern "C" fn(*const c_void, *const c_void, usize) -> isize,
    receive: unsafe extern "C" fn(*const c_void, *mut c_void, usize) -> isize,
    run: unsafe extern "C" fn(*const c_void, usize, c_uint, c_uint, Callback, *mut c_void) -> c_int,
    parse: unsafe extern "C" fn(*const c_void, c_uint, Callback, *mut c_void) -> c_int,
    number: unsafe extern "C" fn(*const c_void) -> u16,
    valid: unsafe extern "C" fn(*const c_void, u16) -> c_int,
    validate: unsafe extern "C" fn(*const c_void, c_int) -> c_int,
    length: unsafe extern "C" fn(*const c_void) -> u16,
    payload: unsafe extern "C" fn(*const c_void) -> *const c_void,
}

/// `RTA_MAX`
const MOST: u16 = 30;
/// `MNL_TYPE_U32`
const U32: c_int = 3;
/// `MNL_CB_STOP`, `MNL_CB_OK`
const STOP: c_int = 0;
const OK: c_int = 1;

/// The attributes of a route, by their numbers.
type Table = [*const c_void; MOST as usize + 1];

fn library() -> Outcome<&'static Library> {
    static LIBRARY: OnceLock<Outcome<Library>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref().map_err(String::clone)
}

fn load() -> Outcome<Library> {
    // SAFETY: the name ends with a NUL; the library has no constructor that asks for more.
    let handle = unsafe { libc::dlopen(c"libmnl.so.0".as_ptr(), libc::RTLD_NOW) };
    let handle = NonNull::new(handle).ok_or("libmnl.so.0 is not installed")?;
    let find = |name: &CStr| {
        // SAFETY: the handle is open and is never closed, and the name ends with a NUL.
        let symbol = unsafe { libc::dlsym(handle.as_ptr(), name.as_ptr()) };
        NonNull::new(symbol)
            .map(NonNull::as_ptr)
            .ok_or_else(|| format!("libmnl has no {}", name.to_string_lossy()))
    };
    // SAFETY: these are the functions' types in <libmnl/libmnl.h>.
    unsafe {
        use std::mem::transmute as typed;
        Ok(Library {
            open: typed::<*mut c_void, _>(find(c"mnl_socket_open")?),
            bind: typed::<*mut c_void, _>(find(c"mnl_socket_bind")?),
            fd: typed::<*mut c_void, _>(find(c"mnl_socket_get_fd")?),
            send: typed::<*mut c_void, _>(find(c"mnl_socket_sendto")?),
            receive: typed::<*mut c_void, _>(find(c"mnl_socket_recvfrom")?),
            run: typed::<*mut c_void, _>(find(c"mnl_cb_run")?),
            parse: typed::<*mut c_void, _>(find(c"mnl_attr_parse")?),
            number: typed::<*mut c_void, _>(find(c"mnl_attr_get_type")?),
            valid: typed::<*mut c_void, _>(find(c"mnl_attr_type_valid")?),
            validate: typed::<*mut c_void, _>(find(c"mnl_attr_validate")?),
            length: typed::<*mut c_void, _>(find(c"mnl_attr_get_payload_len")?),
            payload: typed::<*mut c_void, _>(find(c"mnl_attr_get_payload")?),
        })
    }
}

/// An attribute: checked, and noted in the table.
unsafe extern "C" fn attribute(attr: *const c_void, table: *mut c_void) -> c_int {
    let Ok(library) = library() else { return STOP };
    // SAFETY: libmnl passes an attribute that lies within its message, and the table that `route` gave it.
    unsafe {
        if (library.valid)(attr, MOST) < 0 {
            return OK;
        }
        let number = (library.number)(attr);
        // RTA_OIF, RTA_PRIORITY, RTA_TABLE
        if matches!(number, 4 | 6 | 15) && (library.validate)(attr, U32) < 0 {
            return -1;
        }
        // RTA_DST, RTA_GATEWAY, RTA_PREFSRC
        if matches!(number, 1 | 5 | 7) && !matches!((library.length)(attr), 4 | 16) {
            return -1;
        }
        (*table.cast::<Table>())[usize::from(number)] = attr;
    }
    OK
}

/// Decodes a route, its header included; its destination if it is IPv4.
///
/// # Safety
/// The message is whole, aligned to four bytes, and its length field is true.
unsafe fn route(library: &Library, message: *const c_void) -> Option<u32> {
    let mut table: Table = [null(); MOST as usize + 1];
    // SAFETY: the caller's promise; `attribute` is given its table.
    unsafe {
        let parsed = (library.parse)(message, 12, attribute, (&raw mut table).cast());
        black_box(&table);
        if parsed < 0 || table[1].is_null() || (library.length)(table[1]) != 4 {
            return None;
        }
        Some(u32::from_be_bytes((library.payload)(table[1]).cast::<[u8; 4]>().read_unaligned()))
    }
}

/// Decodes a route message from memory. Whether it could.
pub fn decode(message: &[u8]) -> Outcome<bool> {
    let library = library()?;
    let mut table: Table = [null(); MOST as usize + 1];
    // SAFETY: the message is whole, aligned to four bytes within its datagram, and its length field is true.
    let parsed = unsafe { (library.parse)(message.as_ptr().cast(), 12, attribute, (&raw mut table).cast()) };
    black_box(&table);
    Ok(parsed >= 0)
}

/// An open socket; libmnl's are closed when the process ends.
struct Socket {
    library: &'static Library,
    socket: *mut c_void,
    buffer: Vec<u8>,
}

impl Socket {
    fn open(groups: u32, rcvbuf: Option<usize>) -> Outcome<Self> {
        let library = library()?;
        // SAFETY: NETLINK_ROUTE; the socket is checked before it is used.
        let socket = unsafe { (library.open)(0) };
        if socket.is_null() {
            return Err("mnl_socket_open failed".to_owned());
        }
        // SAFETY: the socket is open, and stays so.
        let (bound, fd) =
            unsafe { ((library.bind)(socket, groups, 0), BorrowedFd::borrow_raw((library.fd)(socket))) };
        if bound < 0 {
            return Err("mnl_socket_bind failed".to_owned());
        }
        if let Some(bytes) = rcvbuf {
            rustix::net::sockopt::set_socket_recv_buffer_size_force(fd, bytes).map_err(|e| e.to_string())?;
        }
        Ok(Self { library, socket, buffer: vec![0; 32 * 1024] })
    }

    /// Receives one datagram and passes its messages on; `mnl_cb_run`'s answer, or an errno.
    fn run(&mut self, each: Callback, data: *mut c_void) -> Result<c_int, rustix::io::Errno> {
        let (buffer, size) = (self.buffer.as_mut_ptr().cast::<c_void>(), self.buffer.len());
        // SAFETY: the socket is open, the buffer is that large, and `data` is what `each` expects.
        unsafe {
            let length = (self.library.receive)(self.socket, buffer, size);
            match usize::try_from(length) {
                Ok(length) => Ok((self.library.run)(buffer, length, 0, 0, each, data)),
                Err(_) => {
                    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or_default();
                    Err(rustix::io::Errno::from_raw_os_error(errno))
                }
            }
        }
    }
}

unsafe extern "C" fn listed(message: *const c_void, count: *mut c_void) -> c_int {
    let Ok(library) = library() else { return STOP };
    // SAFETY: libmnl passes whole messages of its own buffer, and the count that `dump` gave it.
    unsafe {
        black_box(route(library, message));
        *count.cast::<usize>() += 1;
    }
    OK
}

/// Lists all IPv4 routes; how many there are.
pub fn dump() -> Outcome<usize> {
    let mut socket = Socket::open(0, None)?;
    let request = RouteFilter { family: 2, ..RouteFilter::default() }.request();
    let request = request.finish(1, 0).map_err(|error| error.to_string())?;
    // SAFETY: the socket is open, and the request is that long.
    let sent = unsafe { (socket.library.send)(socket.socket, request.as_ptr().cast(), request.len()) };
    if sent < 0 {
        return Err("mnl_socket_sendto failed".to_owned());
    }
    let mut count = 0usize;
    loop {
        match socket.run(listed, (&raw mut count).cast()).map_err(|error| error.to_string())? {
            STOP => return Ok(count),
            OK => {}
            _ => return Err("mnl_cb_run failed".to_owned()),
        }
    }
}

unsafe extern "C" fn heard(message: *const c_void, _: *mut c_void) -> c_int {
    let Ok(library) = library() else { return STOP };
    // SAFETY: libmnl passes whole messages of its own buffer; the type is two bytes behind the length.
    unsafe {
        let message_type = message.cast::<u8>().add(4).cast::<u16>().read();
        let destination = route(library, message);
        monitors::event(|| destination.filter(|_| message_type == monitors::NEWROUTE));
    }
    OK
}

/// Hears of IPv4 routes until the process ends.
pub fn monitor(rcvbuf: usize) -> Outcome<()> {
    // Group 7 is RTNLGRP_IPV4_ROUTE.
    let mut socket = Socket::open(1 << 6, Some(rcvbuf))?;
    monitors::ready();
    loop {
        match socket.run(heard, null_mut()) {
            Ok(_) => {}
            Err(rustix::io::Errno::NOBUFS) => monitors::overflow(),
            Err(error) => return Err(error.to_string()),
        }
    }
}
