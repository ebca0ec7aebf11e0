import Hummingbird

/// Signing in and out, and the people who may.
struct PeopleRoutes: PageRoutes {
    let desk: any PageDesk

    func add(to api: RouterGroup<PageContext>) {}
}
